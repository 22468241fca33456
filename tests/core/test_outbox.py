"""Orders are queued for who is connected, and for what has its room."""

from __future__ import annotations

from msgspec.structs import replace

from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.core.outbox import Outbox
from cube.model.allocation import Allocation, Phase, Wanted
from cube.model.orders import Remove, Run
from cube.model.task import Task
from tests.builders import a_node, a_task, an_allocation

W1 = a_node("w1")
LOW, HIGH = a_task(name="low"), a_task(name="high")
VICTIM = an_allocation(LOW, W1, wanted=Wanted.REMOVE)
GONE = replace(VICTIM, observed=replace(VICTIM.observed, phase=Phase.REMOVED))
AWAITS = an_allocation(HIGH, W1, phase=Phase.ASSIGNED, awaits=(VICTIM.id,))


def an_outbox(victim: Allocation, high: Task = HIGH) -> Outbox:
    cluster = Cluster(
        Snapshot(cluster_id="c1", tasks=[LOW, high], nodes=[W1], allocations=[victim, AWAITS])
    )
    return Outbox(cluster, {W1.id})


def test_nothing_is_ordered_to_run_before_its_room_is_free() -> None:
    outbox = an_outbox(VICTIM)
    outbox.order_all(W1.id)
    assert outbox.take() == {W1.id: [Remove(id=VICTIM.id, reason="")]}


def test_what_waited_is_ordered_when_the_last_one_is_gone() -> None:
    outbox = an_outbox(GONE)
    outbox.order_awaiting(GONE)
    [order] = outbox.take()[W1.id]
    assert isinstance(order, Run) and order.id == AWAITS.id
    assert outbox.take() == {}


def test_what_is_about_to_be_replaced_is_not_ordered_with_the_new_spec() -> None:
    outbox = an_outbox(GONE, replace(HIGH, revision=2, template_revision=2))
    outbox.order_awaiting(GONE)
    assert outbox.take() == {}


def test_nothing_is_queued_for_a_worker_that_is_not_connected() -> None:
    outbox = an_outbox(VICTIM)
    outbox.order(a_node("w2").id, Remove(id=VICTIM.id, reason=""))
    assert outbox.take() == {}
