"""The Docker engine asked directly: what cube is measured against."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp

IMAGE = "busybox:latest"
COMMAND = ("sleep", "3600")
STOP_SIGNAL = (
    "SIGKILL"  # sleep as a first process hears no SIGTERM; everybody measured is told the same
)
LABEL = "cube-bench"

Done = TypeVar("Done")


class Engine:
    """A client of the local engine that keeps its connections. Leaving the block removes what it made."""

    def __init__(self, socket: str = "/var/run/docker.sock") -> None:
        self._socket = os.environ.get("DOCKER_HOST", "").removeprefix("unix://") or socket

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            "http://engine",
            connector=aiohttp.UnixConnector(self._socket, limit=0),
            timeout=aiohttp.ClientTimeout(total=120),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.remove_all()
        finally:
            await self._session.close()

    async def run(self) -> str:
        """Create and start one container; return its id."""
        wish = {
            "Image": IMAGE,
            "Cmd": list(COMMAND),
            "StopSignal": STOP_SIGNAL,
            "Labels": {LABEL: "1"},
        }
        made = await self._ask("POST", "/containers/create", json=wish)
        await self._ask("POST", f"/containers/{made['Id']}/start")
        return str(made["Id"])

    async def remove(self, container: str) -> None:
        """Stop and remove it, in the two calls that an orderly stop takes."""
        await self._ask("POST", f"/containers/{container}/stop")
        await self._ask("DELETE", f"/containers/{container}")

    async def labelled(self, label: str, *, running: bool = False) -> list[str]:
        """Return the ids of the containers with that label."""
        wanted: dict[str, list[str]] = {"label": [label]}
        if running:
            wanted["status"] = ["running"]
        query = {"all": "1", "filters": json.dumps(wanted)}
        listed = await self._ask("GET", "/containers/json", params=query)
        return [one["Id"] for one in listed]

    async def remove_all(self) -> None:
        """Remove everything this made, also in an earlier run that was interrupted."""
        for container in await self.labelled(LABEL):
            await self._ask("DELETE", f"/containers/{container}", params={"force": "1"})

    async def _ask(self, method: str, path: str, **options: Any) -> Any:
        async with self._session.request(method, path, **options) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {text}")
            return json.loads(text) if text else None


async def spread_over(lanes: int, work: list[Callable[[], Awaitable[Done]]]) -> list[Done]:
    """Do all the work, at most `lanes` pieces at a time; return the results in no order."""
    waiting = iter(work)
    results: list[Done] = []

    async def lane() -> None:
        for piece in waiting:
            results.append(await piece())

    async with asyncio.TaskGroup() as group:
        for number in range(lanes):
            group.create_task(lane(), name=f"lane {number}")
    return results
