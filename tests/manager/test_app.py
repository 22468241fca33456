"""The whole manager: starting, stopping, full disks, and knowing everything again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable

import pytest
from msgspec.structs import replace

from cube.core.effects import Writes
from cube.errors import CubeError, LedgerBroken, LedgerFull, LedgerHeld
from cube.manager import app as app_module
from cube.manager import decider as decider_module
from cube.manager.app import Manager
from cube.model.allocation import Phase
from cube.model.audit import AuditEntry
from cube.model.orders import Holding
from cube.settings import ManagerSettings
from cube.store.ledger import Ledger, RequestRecord
from cube.wire.messages import Acknowledge
from tests.manager.conftest import Api, client_of, running, until


async def test_a_taken_port_is_named(settings: ManagerSettings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CubeError, match=f"port {port} on 127.0.0.1 is taken"):
            await Manager(replace(settings, port=port)).start()
    async with running(settings):
        pass  # nothing was left open: the ledger can be had


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
async def test_one_that_listens_everywhere_must_be_told_where_it_is_reached(
    settings: ManagerSettings, host: str
) -> None:
    with pytest.raises(CubeError, match="no address that a worker can dial") as refused:
        await Manager(replace(settings, host=host)).start()
    assert "--advertise" in refused.value.hint
    assert not settings.data.exists()


async def test_an_address_of_another_machine_is_named(settings: ManagerSettings) -> None:
    with pytest.raises(CubeError, match=r"cannot listen on 192\.0\.2\.77"):
        await Manager(replace(settings, host="192.0.2.77")).start()


async def test_two_managers_cannot_share_a_ledger(settings: ManagerSettings) -> None:
    async with running(settings):
        with pytest.raises(LedgerHeld):
            await Manager(settings).start()


async def test_stopping_twice_is_stopping(settings: ManagerSettings) -> None:
    manager = Manager(settings)
    await manager.start()
    await manager.stop()
    await manager.stop()


async def test_a_restarted_manager_knows_everything(settings: ManagerSettings) -> None:
    async with running(settings) as api, api.worker() as worker:
        await api.submit(name="web")
        [order] = await worker.orders(1)
        await worker.report(order.id, Phase.RUNNING, container_id="c1")
        await worker.expect(Acknowledge)
        shown, events = await api.get("/task/web"), await api.get("/event")
        version = await api.get("/version")
    async with running(settings) as api:
        assert await api.get("/task/web") == shown
        assert await api.get("/event") == events
        assert await api.get("/version") == version
        async with api.worker(holding=(Holding(id=order.id),)) as worker:
            assert (await worker.welcome()).epoch == 2
            # A worker that has nothing of it any more is to go on with the next run.
            assert await worker.orders(1) == [replace(order, first_restart=1)]


class FullDisk:
    """Lets commits fail for as long as `full` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        commit = Ledger.commit

        def maybe(
            ledger: Ledger,
            writes: Writes,
            request: RequestRecord | None = None,
            audit: Iterable[AuditEntry] = (),
        ) -> asyncio.Future[None]:
            if not self.full:
                return commit(ledger, writes, request, audit)
            failed = asyncio.get_running_loop().create_future()
            failed.set_exception(LedgerFull("no room"))
            return failed

        monkeypatch.setattr(Ledger, "commit", maybe)
        monkeypatch.setattr(decider_module, "FULL_PAUSE", 0.01)


@pytest.fixture
async def disk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FullDisk]:
    yield FullDisk(monkeypatch)


async def test_a_full_disk_is_told_and_reads_go_on(disk: FullDisk, api: Api) -> None:
    await api.submit(name="before")
    disk.full = True
    status, problem, _ = await api.ask("POST", "/task", {"name": "web", "image": "b"})
    assert (status, problem["code"]) == (507, "ledger_full")
    assert [task["name"] for task in await api.get("/task")] == ["before"]
    assert (await api.get("/task/before"))["revision"] == 1

    disk.full = False

    async def taken() -> bool:
        status, _, _ = await api.ask("POST", "/task", {"name": "web", "image": "b"})
        return status == 201

    await until(taken)
    revisions = [event["revision"] for event in await api.get("/event")]
    assert revisions == list(range(1, len(revisions) + 1))


async def test_workers_come_back_after_a_full_disk(disk: FullDisk, api: Api) -> None:
    async with api.worker() as worker:
        await worker.welcome()
        disk.full = True
        assert (await api.ask("POST", "/task", {"name": "web", "image": "b"}))[0] == 507
        await worker.closed()
        disk.full = False

    async def ready() -> bool:
        return (await api.ask("GET", "/readyz"))[0] == 200

    await until(ready)
    async with api.worker() as worker:
        await worker.welcome()
        await api.submit(name="web")
        assert len(await worker.orders(1)) == 1


async def test_a_broken_ledger_ends_the_run(
    settings: ManagerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(settings)
    await manager.start()
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(LedgerBroken("fsync failed"))
    monkeypatch.setattr(Ledger, "commit", lambda *_: failed)
    run = asyncio.create_task(manager.run())
    async with client_of(manager) as api:
        assert (await api.ask("POST", "/task", {"name": "web", "image": "b"}))[0] == 500
    with pytest.raises(LedgerBroken, match="fsync failed"):
        await run
    await manager.stop()


async def test_a_quiet_manager_writes_nothing(
    settings: ManagerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "PRUNE_EVERY", 0.005)
    monkeypatch.setattr(app_module, "PRUNE_PAUSE", 0.001)
    pruned = asyncio.Event()
    prune = Ledger.prune

    async def noted(ledger: Ledger, **bounds: int) -> bool:
        pruned.set()
        return await prune(ledger, **bounds)

    monkeypatch.setattr(Ledger, "prune", noted)
    async with running(settings) as api:
        await api.submit(name="web")
        sizes = _sizes(settings)
        pruned.clear()
        await pruned.wait()
        await api.get("/task")
        assert _sizes(settings) == sizes


def _sizes(settings: ManagerSettings) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in settings.data.iterdir()}


async def test_one_connection_too_many_is_told(settings: ManagerSettings) -> None:
    async with running(replace(settings, connections=1)) as api:
        await api.get("/healthz")  # keeps its connection
        host, port = api.base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert b"503" in await reader.readline()
        writer.close()
        await writer.wait_closed()
