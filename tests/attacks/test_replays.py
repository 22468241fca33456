"""A17: reports that were heard before, said again in a later session."""

from __future__ import annotations

from cube.model.allocation import Observed, Phase
from cube.wire.messages import Acknowledge, Observe, Report
from tests.attacks.conftest import Target
from tests.manager.fake_worker import FakeWorker


async def test_a17_a_report_of_a_former_session_changes_nothing_in_the_next(known: Target) -> None:
    await known.ask("POST", "/task", json={"name": "web", "image": "busybox"})
    async with FakeWorker(known.base) as worker:
        await worker.welcome()
        [order] = await worker.orders(1)
        captured = Observe(number=1, reports=(Report(order.id, _running(epoch=1, restart=0)),))
        await worker.say(captured)
        await worker.expect(Acknowledge)
    async with FakeWorker(known.base) as worker:
        await worker.welcome()
        told = Observe(number=1, reports=(Report(order.id, _running(epoch=2, restart=1)),))
        for said in (told, captured, told, captured):
            await worker.say(said)
            await worker.expect(Acknowledge)
        _, task, _ = await known.ask("GET", "/task/web")
        assert (task["state"], task["restarts"]) == ("running", 1)


def _running(*, epoch: int, restart: int) -> Observed:
    return Observed(
        phase=Phase.RUNNING, epoch=epoch, restart=restart, sequence=1, container_id="c1"
    )
