"""What a worker says to its manager, and when it dials again."""

from __future__ import annotations

import asyncio

import pytest

from cube.model.orders import Holding
from cube.settings import WorkerSettings
from cube.wire.messages import Refuse, Welcome
from cube.worker import session
from cube.worker.app import Worker
from cube.worker.dialling import session_url
from tests.worker.orders import ID, run
from tests.worker.small_engine import SmallEngine
from tests.worker.small_manager import SmallManager


async def test_it_says_who_it_is(worker: Worker, manager: SmallManager) -> None:
    await manager.until(lambda: len(manager.hellos) == 1)
    (hello,) = manager.hellos
    assert hello.facts.name == "w1"
    assert hello.facts.address == "127.0.0.1"
    assert hello.facts.capacity.cpu_millis == 4000
    assert hello.runtime_error == ""
    await manager.until(lambda: any(lease.usage is not None for lease in manager.leases))


async def test_the_images_are_told_once_and_again_when_they_change(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    await manager.until(lambda: bool(manager.leases))
    engine.images_there = ["web:1"]
    await manager.until(lambda: manager.leases[-1].images is not None, 10)
    assert manager.leases[-1].images == ("web:1",)
    told = len(manager.leases)
    await manager.until(lambda: len(manager.leases) >= told + 3)
    assert {lease.images for lease in manager.leases[told:]} == {None}
    await manager.hang_up()
    await manager.until(lambda: len(manager.hellos) == 2)
    assert manager.hellos[-1].images == ("web:1",)


async def test_a_new_session_is_told_what_the_old_one_did_not_acknowledge(
    worker: Worker, manager: SmallManager
) -> None:
    manager.acknowledges = False
    manager.first_orders = (run(),)
    await manager.until(lambda: manager.phases == ["RUNNING"])
    await manager.hang_up()
    await manager.until(lambda: manager.phases == ["RUNNING", "RUNNING"])
    assert manager.newest.epoch == 2
    assert manager.hellos[-1].holding == (Holding(id=ID),)
    assert manager.hellos[-1].cluster_id == "cluster"


async def test_a_gap_in_the_orders_ends_the_session(worker: Worker, manager: SmallManager) -> None:
    await manager.until(lambda: bool(manager.hellos))
    await manager.instruct(run(), skip=1)
    await manager.until(lambda: len(manager.hellos) == 2)
    assert manager.reports == []


async def test_a_manager_that_confirms_no_lease_is_dialled_again(
    worker: Worker, manager: SmallManager
) -> None:
    manager.confirms = False
    await manager.until(lambda: len(manager.hellos) == 2)


async def test_a_session_that_is_silent_while_the_manager_answers_elsewhere_is_given_up_early(
    worker: Worker, manager: SmallManager, caplog: pytest.LogCaptureFixture
) -> None:
    manager.confirms = False
    await manager.until(lambda: len(manager.hellos) == 2)
    assert "not on this connection" in caplog.text


async def test_a_session_of_which_the_manager_says_nothing_elsewhere_either_is_kept_until_it_is_dead(
    worker: Worker, manager: SmallManager, caplog: pytest.LogCaptureFixture
) -> None:
    manager.confirms = manager.answers = False
    await manager.until(lambda: len(manager.hellos) == 2)
    assert "confirms no lease any more" in caplog.text


async def test_a_refused_worker_lives_on(worker: Worker, manager: SmallManager) -> None:
    manager.refuse = Refuse(reason="not now")
    await manager.until(lambda: bool(manager.hellos))
    if worker.connected:
        await manager.hang_up()
    await manager.until(lambda: len(manager.hellos) >= 3)
    assert not worker.connected
    manager.refuse = None
    await manager.until(lambda: worker.connected and bool(manager.leases))


async def test_a_worker_that_is_denied_asks_ever_more_rarely_and_is_back_when_it_is_let_in(
    settings: WorkerSettings,
    manager: SmallManager,
    engine: SmallEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "RETRY_FIRST", 0.002)
    monkeypatch.setattr(session, "RETRY_LONGEST", 0.002)
    manager.denies = True
    worker = Worker(settings, engine)
    await worker.start()
    try:
        await manager.until(lambda: len(manager.denied_at) == 8)
        assert (
            manager.denied_at[7] - manager.denied_at[6] >= 0.064
        )  # half of 2 ms, six times doubled
        manager.denies = False
        await manager.until(lambda: worker.connected)
    finally:
        await worker.stop()


async def test_a_second_welcome_ends_the_session(worker: Worker, manager: SmallManager) -> None:
    await manager.until(lambda: bool(manager.leases))
    await manager.say(Welcome(cluster_id="other", epoch=9, heartbeat=1.0, lease=4.0))
    await manager.until(lambda: len(manager.hellos) == 2)
    assert manager.hellos[-1].cluster_id == "cluster"


async def test_what_is_no_message_ends_the_session(worker: Worker, manager: SmallManager) -> None:
    await manager.until(lambda: bool(manager.leases))
    await manager.say_bytes(b"\xc1")
    await manager.until(lambda: len(manager.hellos) == 2)


async def test_a_refusal_within_a_session_ends_it(worker: Worker, manager: SmallManager) -> None:
    await manager.until(lambda: bool(manager.leases))
    await manager.say(Refuse(reason="another process has this identity"))
    await manager.until(lambda: len(manager.hellos) == 2)


async def test_a_final_refusal_is_said_loudly_and_not_asked_about_again_soon(
    settings: WorkerSettings,
    manager: SmallManager,
    engine: SmallEngine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    manager.refuse = Refuse(reason="another cluster", final=True)
    worker = Worker(settings, engine)
    await worker.start()
    await manager.until(lambda: bool(manager.hellos))
    async with asyncio.timeout(5):
        while "another cluster" not in caplog.text:
            await asyncio.sleep(0)
    assert len(manager.hellos) == 1
    await worker.stop()


def test_addresses_of_both_families_make_a_url() -> None:
    assert session_url("10.0.0.1", 5555) == "ws://10.0.0.1:5555/worker/session"
    assert session_url("::1", 5555) == "ws://[::1]:5555/worker/session"


@pytest.mark.parametrize("turns", range(10))
async def test_a_worker_that_is_stopped_as_its_manager_goes_does_stop(
    settings: WorkerSettings, engine: SmallEngine, manager: SmallManager, turns: int
) -> None:
    worker = Worker(settings, engine)
    await worker.start()
    await manager.until(lambda: bool(manager.leases))
    async with asyncio.TaskGroup() as both:
        both.create_task(manager.hang_up())
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await worker.stop()
