"""A real `cube manager start`, to be killed, and the workers of simulated machines that belong to it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import psutil

from cube.model.resources import Resources
from cube.runtime.simulated import SimulatedRuntime
from cube.runtime.simulated_engine import SimulatedEngine
from cube.settings import WorkerSettings
from cube.worker.app import Worker
from cube.worker.identity import Identity
from tests.lab.surroundings import ROOT, environment
from tests.scenarios.processes import free_port

SIMULATED = {"machine": "simulated"}  # the label of their nodes
ON_SIMULATED = ["machine==simulated"]  # the constraint of a task that is to run there
READY_SECONDS = 30.0
CAPACITY = Resources(cpu_millis=10_000_000, memory_bytes=1 << 50, disk_bytes=1 << 50)


class ManagerProcess:
    """One manager on a port and a data directory that stay the same, however often it is killed."""

    def __init__(self, home: Path, prefix: Sequence[str] = ()) -> None:
        self.data = home / "manager"
        self.log = home / "manager.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start_cpu: list[float] = []
        """Seconds of processor that each start took until it was ready: less the machine's load than its time."""
        self._prefix = prefix  # of the command line: strace
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> float:
        """Start it and wait until it takes changes; return the seconds that took."""
        began = time.monotonic()
        await self.launch()
        async with aiohttp.ClientSession() as session, asyncio.timeout(READY_SECONDS):
            while not await self._ready(session):
                if self._process is None or self._process.returncode is not None:
                    raise RuntimeError(f"the manager ended: {self.log.read_text()[-2000:]}")
                await asyncio.sleep(0.005)
        took = time.monotonic() - began
        used = psutil.Process(self._process.pid).cpu_times() if self._process else None
        self.start_cpu.append(used.user + used.system if used else 0.0)
        return took

    async def launch(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._prefix,
                *(sys.executable, "-m", "cube", "manager", "start", "--log-level", "warning"),
                *("--port", str(self.port), "--data", str(self.data)),
                cwd=ROOT, env=environment(), stdout=log, stderr=log,
            )  # fmt: skip

    async def kill(self) -> None:
        """kill -9. Nothing happens where it has ended."""
        await self.end(signal.SIGKILL)

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signal it and wait; return its exit code."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(how)
        return await self.ended()

    async def ended(self) -> int:
        """Wait until it ends; return its exit code."""
        assert self._process is not None
        async with asyncio.timeout(READY_SECONDS):
            return await self._process.wait()

    @property
    def runs(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    async def _ready(self, session: aiohttp.ClientSession) -> bool:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        return False


@contextlib.asynccontextmanager
async def manager_process(home: Path, prefix: Sequence[str] = ()) -> AsyncIterator[ManagerProcess]:
    """A manager that was not started; at the end it is killed."""
    manager = ManagerProcess(home, prefix)
    try:
        yield manager
    finally:
        if manager.runs:
            await manager.kill()


@contextlib.asynccontextmanager
async def simulated_workers(
    home: Path, port: int, count: int
) -> AsyncIterator[list[SimulatedEngine]]:
    """Workers in this process, each on a simulated machine with room for everything."""
    engines: list[SimulatedEngine] = []
    async with contextlib.AsyncExitStack() as exits:
        for number in range(1, count + 1):
            engine = SimulatedEngine(capacity=CAPACITY)
            identity = Identity(home / f"worker{number}")
            runtime = SimulatedRuntime(identity.node_id, engine)
            settings = WorkerSettings(
                manager_port=port, port=0, data=home / f"worker{number}", name=f"s{number}",
                labels=SIMULATED, parallel_starts=64,
            )  # fmt: skip
            worker = Worker(settings, runtime, identity=identity)
            exits.push_async_callback(worker.stop)
            await worker.start()
            engines.append(engine)
        yield engines
