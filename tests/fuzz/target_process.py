"""`python -m tests.fuzz.target_process DIRECTORY`: a manager and a worker of simulated containers, to be asked.

Says on stdout where it listens, and answers each line on stdin with what has happened inside so far: how many rows were
stored because of requests, and what was logged as an error. Ends with stdin.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import sys
from pathlib import Path

import msgspec

from cube.errors import CubeError
from cube.manager import listener
from cube.manager.app import Manager
from cube.manager.callers import caller
from cube.manager.recognition import user_of_this_machine
from cube.model.node import Usage
from cube.model.resources import Resources
from cube.runtime.contract import CommandResult
from cube.runtime.simulated import SimulatedRuntime
from cube.runtime.simulated_container import Behaviour
from cube.runtime.simulated_engine import SimulatedEngine
from cube.security.principal import Principal
from cube.settings import Limits, ManagerSettings, WorkerSettings
from cube.store import ledger
from cube.store.records import Rows
from cube.store.writer import Writer
from cube.worker.app import Worker
from cube.worker.identity import NamedIdentity

STRANGER = "127.0.0.3"  # whoever comes from there is nobody whom the manager knows
STARTS = 5  # a port that the kernel gives out for one address may be taken on another
OUTSIDE = "127.0.0.2"  # where it speaks TLS, so that joining is there to be asked for
LIMITS = Limits(
    head_seconds=0.05,  # requests that never end are to be answered soon
    body_seconds=0.05,
    handshake_seconds=0.5,
    failed_logins=1_000_000,  # what is behind these limits is to be reached
    joins_per_minute=1_000_000,
    requests_per_second=1e9,
    requests_at_once=1e9,
)


class Inside(msgspec.Struct):
    """What has happened in the process so far."""

    stored: int = 0
    """Rows that requests stored, but for those of the audit."""
    errors: int = 0
    last_error: str = ""


class Errors(logging.Handler):
    """Counts what the manager calls an error: a fault of its own."""

    def __init__(self, inside: Inside) -> None:
        super().__init__(logging.ERROR)
        self._inside = inside

    def emit(self, record: logging.LogRecord) -> None:
        """Count it."""
        self._inside.errors += 1
        self._inside.last_error = logging.Formatter().format(record)


def watch_the_writer(inside: Inside) -> None:
    """Have what is stored counted. A decision is made in the context of the request that asks for it."""

    class Watched(Writer):
        def commit(self, rows: Rows) -> asyncio.Future[None]:
            who = caller()
            if (
                who is not None and who.action != "openSession"
            ):  # what workers say is stored when it comes
                inside.stored += len(rows) - len(rows.audit)
            return super().commit(rows)

    vars(ledger)["Writer"] = Watched


def recognise(transport: asyncio.BaseTransport) -> Principal | None:
    """Know nobody who comes from one address."""
    peer = transport.get_extra_info("peername")
    return None if peer and peer[0] == STRANGER else user_of_this_machine(transport)


async def serve(directory: Path, inside: Inside) -> None:
    """Run until stdin ends."""
    manager = await _manager(directory)
    engine = SimulatedEngine(
        others=Behaviour(command=CommandResult(3, "out\n"), output=("a line",)),
        capacity=Resources(cpu_millis=16_000, memory_bytes=1 << 34, disk_bytes=1 << 34),
    )
    identity = NamedIdentity("w1")
    settings = WorkerSettings(
        manager_port=manager.port,
        name="w1",
        own_api=False,
        runtime="simulated",
        data=directory / "worker",
    )
    worker = Worker(
        settings, SimulatedRuntime(identity.node_id, engine), identity=identity, usage=Usage
    )
    await worker.start()
    try:
        await asyncio.wait_for(worker.joined.wait(), 10)
        await _report(manager.port, inside)
    finally:
        await worker.stop()
        await manager.stop()
        await engine.close()


async def _manager(directory: Path) -> Manager:
    """Start one that others reach, too, on a port that is free on all addresses."""
    settings = ManagerSettings(
        host="0.0.0.0",
        advertise=(OUTSIDE,),
        port=0,
        data=directory / "manager",
        limits=LIMITS,
        backups_kept=2,
    )
    for left in reversed(range(STARTS)):
        manager = Manager(settings, recognise=recognise)
        try:
            await manager.start()
        except CubeError:
            if not left:
                raise
        else:
            return manager
    raise AssertionError


async def _report(port: int, inside: Inside) -> None:
    loop = asyncio.get_running_loop()
    questions = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    print(port, flush=True)
    while await questions.readline():
        sys.stdout.buffer.write(msgspec.json.encode(inside) + b"\n")
        sys.stdout.buffer.flush()


def main() -> None:
    """Run a target."""
    faulthandler.enable()
    inside = Inside()
    logging.basicConfig(level=logging.ERROR, handlers=[Errors(inside)])
    watch_the_writer(inside)
    listener.LINGER_SECONDS = LIMITS.body_seconds
    gc.freeze()
    asyncio.run(serve(Path(sys.argv[1]), inside))


if __name__ == "__main__":
    main()
