"""A worker of cube on the real engine, with a few containers that nothing done to the manager may touch."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from tests.faults.manager_process import ManagerProcess
from tests.lab.surroundings import ROOT, environment
from tests.scenarios.processes import SERVE, docker

REPLICAS = 5
SECONDS = 60.0


class RealContainers:
    """Enter it to start the worker and the containers; they are removed at the end."""

    def __init__(self, home: Path, manager: ManagerProcess) -> None:
        self._data = home / "real"
        self._log = home / "real.log"
        self._manager = manager

    async def __aenter__(self) -> Self:
        address = ("--manager", f"127.0.0.1:{self._manager.port}")
        with self._log.open("wb") as log:
            self._worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cube", "worker", "start", "--log-level", "warning"),
                *address, "--port", "0", "--name", "real", "--label", "machine=real",
                "--data", str(self._data), cwd=ROOT, env=environment(), stdout=log, stderr=log,
            )  # fmt: skip
        try:
            await self._begin()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def seen(self) -> dict[str, str]:
        """Return when each container was started, by its id."""
        shown = "{{.Id}} {{.State.StartedAt}}"
        ids = await self._ids("--filter", "status=running")
        lines = await asyncio.to_thread(docker, "inspect", "--format", shown, *ids) if ids else ""
        return {id: at for id, _, at in (line.partition(" ") for line in lines.splitlines())}

    async def _begin(self) -> None:
        task = {
            "name": "watched",
            "image": "busybox:latest",
            "command": SERVE,
            "replicas": REPLICAS,
            "constraints": ["machine==real"],
        }
        async with aiohttp.ClientSession(self._manager.url) as session:
            async with session.post("/task", json=task) as answer:
                answer.raise_for_status()
            deadline = time.monotonic() + SECONDS
            while len(await self.seen()) < REPLICAS:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the containers do not start: {self._log.read_text()}")
                await asyncio.sleep(0.1)

    async def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._worker.send_signal(signal.SIGTERM)
        async with asyncio.timeout(SECONDS):
            await self._worker.wait()
        if left := await self._ids():
            await asyncio.to_thread(docker, "rm", "-f", *left)

    async def _ids(self, *filters: str) -> list[str]:
        of_node = f"label=cube.node={_node_id(self._data)}"
        listing = await asyncio.to_thread(
            docker, "ps", "-aq", "--no-trunc", "--filter", of_node, *filters
        )
        return listing.split()


def _node_id(data: Path) -> str:
    """Return who the worker says it is; before its first start nobody."""
    try:
        return str(json.loads((data / "node.json").read_text())["node_id"])
    except FileNotFoundError:
        return "nobody"
