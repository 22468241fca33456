"""Counting tasks, slots and nodes, piece by piece."""

from __future__ import annotations

import pytest

from cube.core.changes import Wait
from cube.core.effects import Snapshot
from cube.core.manager import ManagerCore
from cube.core.roster import Standing
from cube.manager import census as census_module
from cube.manager.census import UNASKED, Census
from cube.model.allocation import Phase
from cube.model.node import Availability, Condition
from cube.model.task import TaskState
from cube.model.timing import DEFAULT_TIMING, Instant
from tests.builders import CAPACITY, a_node, a_task, an_allocation

W1, W2 = a_node("w1"), a_node("w2", availability=Availability.DRAINING, runtime_error="no engine")
WEB, BIG = a_task(name="web", replicas=2), a_task(name="big", replicas=3)


class Time:
    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> Instant:
        return Instant(self.seconds, 0)


def a_core() -> ManagerCore:
    runs = an_allocation(WEB, W1, slot=1)
    starts = an_allocation(WEB, W1, slot=2, phase=Phase.CREATING)
    snapshot = Snapshot(
        cluster_id="c", tasks=[WEB, BIG], nodes=[W1, W2], allocations=[runs, starts]
    )
    return ManagerCore(snapshot, timing=DEFAULT_TIMING, strategy="spread", now=Instant(99.0, 0))


@pytest.fixture
def core() -> ManagerCore:
    return a_core()


async def test_it_counts_what_there_is(core: ManagerCore) -> None:
    count = await Census(lambda: core, Time().now).take()

    assert count.tasks == {TaskState.SCHEDULED: 1, TaskState.PENDING: 1}
    assert +count.slots == {Standing.READY: 1, Standing.ASSIGNED: 1, Standing.VACANT: 3}
    assert count.nodes == {
        (Condition.READY, Availability.ACTIVE): 1,
        (Condition.READY, Availability.DRAINING): 1,
    }
    first, second = count.each_node
    assert (first.name, first.up, first.lease_age, first.allocations) == ("w1", True, 1.0, 2)
    assert (first.capacity, first.used) == (CAPACITY, None)
    assert not second.up


async def test_slots_wait_for_what_refused_them_last(core: ManagerCore) -> None:
    time = Time()
    census = Census(lambda: core, time.now)
    assert (await census.take()).pending == {UNASKED: 3}

    core.cluster.apply(Wait(BIG.id, (1, 2, 3), "no node fits", ("ports", "resources")), 0)
    time.seconds += 10

    assert (await census.take()).pending == {"ports": 3, "resources": 3}


async def test_a_count_is_kept_for_those_who_ask_soon(core: ManagerCore) -> None:
    time = Time()
    census = Census(lambda: core, time.now)
    first = await census.take()
    time.seconds += 0.9
    assert await census.take() is first

    time.seconds += 0.2
    assert await census.take() is not first


async def test_a_count_that_took_long_is_kept_for_longer(core: ManagerCore) -> None:
    time = Time()

    def slow() -> ManagerCore:
        time.seconds += 1.0
        return core

    census = Census(slow, time.now)
    first = await census.take()
    time.seconds += 49.0
    assert await census.take() is first


async def test_others_have_their_turn_and_may_take_tasks_away(
    core: ManagerCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(census_module, "TASKS_AT_ONCE", 1)
    census = Census(lambda: core, Time().now)
    counting = census.take()
    counting.send(None)  # up to the first pause
    del core.cluster.tasks[BIG.id]
    with pytest.raises(StopIteration) as ended:
        while True:
            counting.send(None)

    assert ended.value.value.tasks == {TaskState.SCHEDULED: 1}


async def test_nodes_are_shown_one_by_one_up_to_a_number(
    core: ManagerCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(census_module, "NODES_SHOWN", 1)
    count = await Census(lambda: core, Time().now).take()

    assert [node.name for node in count.each_node] == ["w1"]
    assert count.nodes.total() == 2
