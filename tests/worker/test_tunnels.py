"""A whole worker with simulated containers behind a real manager: what users of tunnels get, and what they leave."""

from __future__ import annotations

import asyncio
import contextlib
import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cube.client.copy import BLOCK, Sink, Source, _read, _stat, _write
from cube.client.exec import run_exec
from cube.client.transport import Address
from cube.errors import Conflict, CubeError, NotFound
from cube.manager.app import Manager
from cube.model.node import Usage
from cube.runtime.contract import CommandResult
from cube.runtime.simulated import SimulatedRuntime
from cube.runtime.simulated_container import Behaviour
from cube.runtime.simulated_engine import SimulatedEngine
from cube.settings import ManagerSettings, WorkerSettings
from cube.wire.messages import OpenTunnel
from cube.wire.tunnels import Exec, PathInfo, Reached, Resize, Signal
from cube.wire.window import WINDOW
from cube.worker.app import Worker
from cube.worker.identity import NamedIdentity
from tests.manager.conftest import Api, client_of, until

LIMIT = 8


class Somebody:
    """A user's streams, held by a test: `typed` goes in, `seen` came out; `says` are signals, None leaves."""

    def __init__(self, *typed: bytes) -> None:
        self.typed = typed
        self.seen = b""
        self.errors = b""
        self.slot = ""
        self.says: asyncio.Queue[Resize | Signal | None] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.stays = False

    def reached(self, reached: Reached) -> None:
        self.slot = reached.name

    async def write(self, data: bytes, *, error: bool) -> None:
        await self.reads.wait()
        if error:
            self.errors += data
        else:
            self.seen += data

    async def input(self) -> AsyncIterator[bytes]:
        for data in self.typed:
            yield data
        if self.stays:
            await asyncio.Event().wait()

    async def controls(self) -> AsyncIterator[Resize | Signal]:
        while (said := await self.says.get()) is not None:
            yield said


class House:
    """The manager, the worker, its engine, and the task `web` on it."""

    def __init__(self, manager: Manager, worker: Worker, engine: SimulatedEngine) -> None:
        self.manager = manager
        self.worker = worker
        self.engine = engine
        self.address = Address("127.0.0.1", manager.port)

    async def exec(self, *command: str, user: Somebody | None = None, ref: str = "web") -> int:
        user = user or Somebody()
        wish = Exec(command=command, stdin=bool(user.typed) or user.stays)
        async with asyncio.timeout(10):
            return await run_exec(self.address, ref, wish, user)

    async def idle(self) -> None:
        """Return when no command runs and no tunnel is counted any more."""

        async def none_left() -> bool:
            return not (self.engine.commands or len(self.worker._tunnels))

        await until(none_left)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    engine = SimulatedEngine(others=Behaviour(command=CommandResult(3, "out\n")))
    manager = Manager(ManagerSettings(port=0, data=tmp_path))
    await manager.start()
    identity = NamedIdentity("w1")
    settings = WorkerSettings(
        manager_port=manager.port, name="w1", own_api=False, runtime="simulated", tunnels=LIMIT
    )
    runtime = SimulatedRuntime(identity.node_id, engine)
    worker = Worker(settings, runtime, identity=identity, usage=Usage)
    await worker.start()
    try:
        async with client_of(manager) as api:
            await api.submit(name="web")
            await until(lambda: _runs(api))
            yield House(manager, worker, engine)
    finally:
        await worker.stop()
        await manager.stop()
        await engine.close()


async def _runs(api: Api) -> bool:
    return (await api.get("/task/web"))["state"] == "running"


async def test_a_command_says_what_it_has_to_say_and_ends_with_its_code(house: House) -> None:
    user = Somebody()

    assert await house.exec("anything", user=user) == 3
    assert (user.slot, user.seen) == ("web.1", b"out\n")
    await house.idle()


async def test_what_is_typed_arrives_whole_and_its_end_too(house: House) -> None:
    given = tuple(bytes([number]) * 100_000 for number in range(30))
    user = Somebody(*given)

    assert await house.exec("cat", user=user) == 0
    assert user.seen == b"".join(given)


async def test_a_user_who_does_not_read_is_waited_for_within_bounds(house: House) -> None:
    user = Somebody(*[b"x" * 65_536] * 40)
    user.reads.clear()
    command = asyncio.create_task(house.exec("cat", user=user))
    try:
        await until(lambda: _true(len(house.engine.commands) == 1))
        user.reads.set()
        assert await command == 0
        assert len(user.seen) == 40 * 65_536 > 4 * WINDOW
    finally:
        command.cancel()
        await asyncio.gather(command, return_exceptions=True)


async def _true(is_so: bool) -> bool:
    return is_so


async def test_a_signal_passes_a_stdin_that_is_full(house: House) -> None:
    user = Somebody(*[b"x" * 65_536] * 40)  # five windows, of which `sleep` reads nothing
    user.says.put_nowait(Signal(2))

    assert await house.exec("sleep", "1000", user=user) == 130


async def test_a_command_ends_with_its_user(house: House) -> None:
    user = Somebody()
    command = asyncio.create_task(house.exec("sleep", "1000", user=user))
    await until(lambda: _true(bool(house.engine.commands)))

    user.says.put_nowait(None)

    assert await command == 130
    await house.idle()


async def test_a_user_who_is_cut_off_leaves_nothing(house: House) -> None:
    command = asyncio.create_task(house.exec("sleep", "1000"))
    await until(lambda: _true(bool(house.engine.commands)))

    command.cancel()
    await asyncio.gather(command, return_exceptions=True)

    await house.idle()


async def test_a_worker_that_stops_ends_its_users_with_a_reason(house: House) -> None:
    command = asyncio.create_task(house.exec("sleep", "1000"))
    await until(lambda: _true(bool(house.engine.commands)))

    await house.worker.stop()

    with pytest.raises(CubeError, match="its worker broke off"):
        await command
    assert house.engine.commands == []


async def test_a_manager_that_stops_ends_its_users_with_a_reason(house: House) -> None:
    command = asyncio.create_task(house.exec("sleep", "1000"))
    await until(lambda: _true(bool(house.engine.commands)))

    await house.manager.stop()

    with pytest.raises(CubeError, match="the manager is stopping"):
        await command
    await house.idle()


async def test_what_cannot_be_reached_is_told(house: House) -> None:
    with pytest.raises(NotFound, match="no task nosuch"):
        await house.exec("true", ref="nosuch")
    with pytest.raises(Conflict, match=r"web\.2 does not run"):
        await house.exec("true", ref="web.2")


async def test_one_more_than_a_worker_serves_is_refused_with_the_reason(house: House) -> None:
    busy = [asyncio.create_task(house.exec("sleep", "1000")) for _ in range(LIMIT)]
    await until(lambda: _true(len(house.engine.commands) == LIMIT))

    with pytest.raises(CubeError, match=f"{LIMIT} commands and copies are under way .* on w1"):
        await house.exec("anything")

    for command in busy:
        command.cancel()
    await asyncio.gather(*busy, return_exceptions=True)
    await house.idle()


async def test_a_thousand_wishes_at_once_are_served_or_refused_and_none_is_left(
    house: House,
) -> None:
    tunnels = house.worker._tunnels
    [workload] = house.worker._core._workloads.values()
    for number in range(1000):  # whoever asked has left already
        wish = Exec(command=("sleep", "1000"))
        tunnels.open(OpenTunnel(tunnel_id=f"left-{number}", id=workload.id, wish=wish))

    assert len(tunnels) == LIMIT
    await house.idle()
    assert await house.exec("anything") == 3


async def test_files_go_in_and_come_out(house: House) -> None:
    content = bytes(range(256)) * 8_000

    def pack(sink: Sink) -> None:
        with tarfile.open(fileobj=sink, mode="w|") as tar:  # type: ignore[call-overload]
            entry = tarfile.TarInfo("f")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))

    def take(info: PathInfo, source: Source) -> tuple[str, bytes]:
        whole = b""
        while data := source.read(BLOCK):
            whole += data
        with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
            file = tar.extractfile(info.name)
            assert file is not None
            return info.kind, file.read()

    async with asyncio.timeout(10):
        await _write(house.address, "web", "/", pack)
        assert await _stat(house.address, "web", "/f") == PathInfo("f", "file", len(content))
        assert await _stat(house.address, "web", "/none") is None
        assert await _read(house.address, "web", "/f", take) == ("file", content)
        with pytest.raises(NotFound, match="nothing at /none"):
            await _read(house.address, "web", "/none", take)
        with contextlib.suppress(CubeError):
            await _write(house.address, "web", "/nowhere", pack)
    await house.idle()
