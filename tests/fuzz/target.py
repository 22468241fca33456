"""The manager that is asked, as a process of its own: that its loop hangs is seen here as no answer."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
import psutil

from tests.fuzz.request import TOKEN_ROLES, placeholder
from tests.fuzz.target_process import Inside

START_SECONDS = 60.0  # on a machine that is busy with other tests
END_SECONDS = 20.0
ANSWER_SECONDS = 20.0
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # how fast a disk is is not asked here
TASKS: tuple[dict[str, Any], ...] = (
    {"name": "web", "image": "busybox", "replicas": 2},
    {"name": "job", "image": "busybox", "restart": "never"},
)
"""What requests are about that are about something."""
_KEPT = frozenset(str(task["name"]) for task in TASKS)


class Target:
    """A manager, its worker and two tasks. Enter it to start it; everything is gone when the block is left."""

    def __init__(self) -> None:
        self.port = 0
        self.tokens: dict[bytes, bytes] = {}
        """What stands in requests for a token, and the token."""

    async def __aenter__(self) -> Self:
        self._directory = tempfile.mkdtemp(prefix="cube-fuzz-", dir=MEMORY)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.fuzz.target_process", self._directory),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await self._read()
            self.port = int(line)
            self._http = aiohttp.ClientSession(
                f"http://127.0.0.1:{self.port}", timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)
            )
            await self.tidy()
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
        await self._http.close()
        await self._end()

    async def inside(self) -> Inside:
        """Return what has happened in it."""
        assert self._process.stdin is not None
        async with asyncio.timeout(ANSWER_SECONDS):
            self._process.stdin.write(b"\n")
            return msgspec.json.decode(await self._read(), type=Inside)

    @property
    def memory_bytes(self) -> int:
        """How much it has now."""
        return int(psutil.Process(self._process.pid).memory_info().rss)

    async def tidy(self) -> None:
        """Remove what requests have made, and make anew what they have removed: what one does depends on few others."""
        for task in await self._list("/task"):
            if task["name"] not in _KEPT and task["goal"] == "run":
                await self._ask("DELETE", f"/task/{task['id']}")
        for task in TASKS:
            await self._ask("PUT", f"/task/{task['name']}", json=task)
        for token in await self._list("/join-token"):
            await self._ask("DELETE", f"/join-token/{token['id']}")
        for node in await self._list("/node"):
            if node["name"] != "w1":
                await self._ask("DELETE", f"/node/{node['id']}?force=1")
            elif node["availability"] != "active":
                await self._ask("POST", f"/node/{node['id']}/uncordon")
        await self._tokens()

    async def _tokens(self) -> None:
        there = await self._list("/token")
        kept = {token.split(b"_")[1].decode() for token in self.tokens.values()}
        for token in there:
            if token["id"] not in kept:
                await self._ask("DELETE", f"/token/{token['id']}")
        left = {token["id"] for token in there}
        for role in TOKEN_ROLES:
            held = self.tokens.get(placeholder(role))
            if held is None or held.split(b"_")[1].decode() not in left:
                made = await self._ask("POST", "/token", json={"name": f"of-{role}", "role": role})
                self.tokens[placeholder(role)] = made["token"].encode()

    async def _list(self, path: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = await self._ask("GET", path)
        return listed

    async def _ask(self, method: str, path: str, **options: Any) -> Any:
        async with self._http.request(method, path, **options) as answer:
            if answer.status >= 500:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json(content_type=None) if answer.status != 204 else None

    async def _read(self) -> bytes:
        assert self._process.stdout is not None
        if not (line := await self._process.stdout.readline()):
            raise RuntimeError(f"the manager ended with {await self._process.wait()}")
        return line

    async def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)
