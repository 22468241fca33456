"""A manager and its worker of cube's own, as processes, spoken to through the public API."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import psutil

from tests.bench.engine import COMMAND, IMAGE, STOP_SIGNAL

READY_SECONDS = 20.0
STOP_SECONDS = 15.0
JOIN_SECONDS = 0.05  # of one simulated worker, on a busy machine


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has now."""
    return int(psutil.Process(pid).memory_info().rss)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def spec(name: str, replicas: int = 1) -> dict[str, Any]:
    """Return the task that every comparison runs: the engine and Swarm are given the same."""
    return {
        "name": name,
        "image": IMAGE,
        "command": list(COMMAND),
        "stop_signal": STOP_SIGNAL,
        "replicas": replicas,
    }


class Cluster:
    """A manager, with a worker unless told otherwise. Leaving the block stops its tasks, then the processes."""

    def __init__(
        self, *, workers: int = 1, prefix: tuple[str, ...] = (), data: Path | None = None
    ) -> None:
        self._workers = workers
        self._prefix = prefix  # of the manager's command line: `taskset -c 0`
        self.port = free_port()
        self._lent = data is not None
        self.data = data or Path(tempfile.mkdtemp(prefix="cube-bench-"))

    async def __aenter__(self) -> Self:
        self._exits = contextlib.AsyncExitStack()
        if not self._lent:
            self._exits.callback(shutil.rmtree, self.data, ignore_errors=True)
        try:
            await self._start()
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._workers:
                await self._stop_all()
        finally:
            await self._exits.aclose()

    async def _start(self) -> None:
        self.manager_pid = await self._process(
            *self._prefix,
            *(sys.executable, "-m", "cube", "manager", "start", "--port", str(self.port)),
            *("--data", str(self.data / "manager")),
            log=self.data / "manager.log",
        )
        self.session = await self._exits.enter_async_context(
            aiohttp.ClientSession(
                f"http://127.0.0.1:{self.port}",
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=300),
            )
        )
        await self._until("/readyz", lambda answer: True)
        for number in range(1, self._workers + 1):
            await self._process(
                *(sys.executable, "-m", "cube", "worker", "start", "--name", f"bench{number}"),
                *("--manager", f"127.0.0.1:{self.port}", "--port", "0"),
                *("--data", str(self.data / f"worker{number}")),
                log=self.data / f"worker{number}.log",
            )
        if self._workers:
            await self._until("/node", lambda answer: len(_items(answer)) == self._workers)

    async def submit(self, task: dict[str, Any]) -> str:
        """Post the task and return its id."""
        async with self.session.post("/task", json=task) as answer:
            text = await answer.text()
            if answer.status != 201:
                raise RuntimeError(f"POST /task: {answer.status} {text}")
            return str(json.loads(text)["id"])

    async def delete(self, task_id: str) -> None:
        """Stop the task; returns before its containers are gone."""
        async with self.session.delete(f"/task/{task_id}") as answer:
            answer.raise_for_status()

    def watch(self) -> Watch:
        """Return what sees every event from its entry on."""
        return Watch(self.session)

    async def _stop_all(self) -> None:
        async with self.watch() as seen, self.session.get("/task") as answer:
            tasks = [task for task in _items(await answer.json()) if task["goal"] == "run"]
            for task in tasks:
                await self.delete(task["id"])
            for task in tasks:
                await seen.wait(task["id"], "allocation.removed", len(task["allocations"]))

    def manager_cpu(self) -> float:
        """Return the seconds of processor the manager has used so far."""
        return cpu_seconds(self.manager_pid)

    async def simulate(
        self, count: int, processes: int, *, start_time: str, cpu_millis: int = 64_000
    ) -> list[int]:
        """Add simulated workers, divided among processes; return those when all nodes have joined."""
        shares = [count // processes + (one < count % processes) for one in range(processes)]
        pids = [
            await self._process(
                *(sys.executable, "-m", "cube", "worker", "start", "--runtime", "simulated"),
                *("--manager", f"127.0.0.1:{self.port}", "--count", str(share)),
                *("--name", f"sim{number}", "--start-time", start_time, "--log-level", "warning"),
                *("--cpu", f"{cpu_millis / 1000:g}"),
                log=self.data / f"simulated{number}.log",
            )
            for number, share in enumerate(shares)
        ]
        await self._until(
            "/stats", lambda stats: stats["nodes_ready"] == count, 60.0 + count * JOIN_SECONDS
        )
        return pids

    async def _process(self, *command: str, log: Path) -> int:
        with log.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=sink, stderr=sink
            )

        async def end() -> None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:  # what was measured is not to be lost for it
                process.kill()
                await process.wait()

        self._exits.push_async_callback(end)
        return process.pid

    async def _until(self, path: str, done: Any, seconds: float = READY_SECONDS) -> None:
        async with asyncio.timeout(seconds):
            while True:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with self.session.get(path) as answer:
                        if answer.status == 200 and done(await answer.json(content_type=None)):
                            return
                await asyncio.sleep(0.05)


class Watch:
    """Counts what the manager says has happened, and notes when it was heard."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._counts: Counter[tuple[str, str]] = Counter()
        self._changed = asyncio.Condition()
        self.heard: dict[tuple[str, str], list[float]] = {}

    async def __aenter__(self) -> Self:
        self._answer = await self._open("")
        self._reader = asyncio.create_task(self._read(), name="event stream")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self._answer.close()

    async def wait(self, task_id: str, kind: str, times: int = 1, seconds: float = 300.0) -> None:
        """Return once the task has had that many events of the kind."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: self._counts[task_id, kind] >= times)

    async def _open(self, last: str) -> aiohttp.ClientResponse:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        limits = aiohttp.ClientTimeout(total=None)
        return await self._session.get("/event", headers=headers, timeout=limits)

    async def _read(self) -> None:
        """Read on for ever: among a thousand followers a burst may be more than one is kept."""
        last = ""
        while True:
            async for line in self._answer.content:
                if line.startswith(b"id:"):
                    last = line[3:].strip().decode()
                elif line.startswith(b"data:"):
                    await self._count(line)
            self._answer.close()
            self._answer = await self._open(last)

    async def _count(self, line: bytes) -> None:
        event = json.loads(line[5:])
        key = (event.get("task_id") or "", event["kind"])
        self.heard.setdefault(key, []).append(time.perf_counter())
        async with self._changed:
            self._counts[key] += 1
            self._changed.notify_all()


def _items(answer: Any) -> list[dict[str, Any]]:
    return answer if isinstance(answer, list) else answer["items"]


def environment() -> str:
    """Return one line on the machine, so that two outputs are not compared by mistake."""
    return f"{os.cpu_count()} CPUs, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}"
