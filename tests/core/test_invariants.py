"""The rules are worth something only if they notice: each is shown a cluster that breaks it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.core.invariants import violations
from cube.model.allocation import Phase, Wanted
from cube.model.extras import Share
from cube.model.ids import AllocationId
from cube.model.node import Condition
from cube.model.resources import Resources
from cube.model.spec import Port, Protocol
from tests.builders import GIB, a_node, a_task, an_allocation


def a_cluster(*, replicas: int = 1, **spec: object) -> Cluster:
    task = a_task(replicas=replicas, **spec)
    return Cluster(
        Snapshot(
            cluster_id="c1",
            tasks=[task],
            nodes=[a_node("w1"), a_node("w2")],
            allocations=[
                an_allocation(task, a_node("w1"), slot=slot) for slot in range(1, replicas + 1)
            ],
        )
    )


def two_may_run(cluster: Cluster) -> None:
    (first,) = cluster.allocations.values()
    task = cluster.tasks[first.task_id]
    second = an_allocation(task, a_node("w2"), generation=2)
    cluster._put_allocation(replace(first, wanted=Wanted.REMOVE))
    cluster._put_allocation(second)


def kept_in_the_wrong_order(cluster: Cluster) -> None:
    (first,) = cluster.allocations.values()
    slot = cluster.slots(first.task_id)[first.slot]
    slot.leaving = {first.id: replace(first, lost=True)}


def relieves_another(cluster: Cluster) -> None:
    (first,) = cluster.allocations.values()
    other = an_allocation(cluster.tasks[first.task_id], a_node("w2"), generation=2)
    relief = replace(other, relieves=AllocationId("another.1.1"))
    cluster.slots(first.task_id)[first.slot].relief = relief


def live_beyond_the_replicas(cluster: Cluster) -> None:
    (task,) = cluster.tasks.values()
    cluster._put_allocation(an_allocation(task, a_node("w2"), slot=7))


def recorded_under_another_name(cluster: Cluster) -> None:
    (first,) = cluster.allocations.values()
    cluster.allocations[first.id] = replace(first, generation=4)


def over_committed(cluster: Cluster) -> None:
    (node, _) = cluster.nodes.values()
    (task,) = cluster.tasks.values()
    for slot in range(2, 12):
        cluster._put_allocation(
            an_allocation(task, node, slot=slot, demand=replace(task.spec.demand, memory_bytes=GIB))
        )


def counted_wrongly(cluster: Cluster) -> None:
    cluster.inventory.memory_free[0] -= 1


def counted_by_task_wrongly(cluster: Cluster) -> None:
    (task,) = cluster.tasks.values()
    cluster.inventory._replicas.add(task.id, 0)


def device_given_twice(cluster: Cluster) -> None:
    (node, _) = cluster.nodes.values()
    cluster._put_node(replace(node, facts=replace(node.facts, extras={"gpu": 1})))
    (task,) = cluster.tasks.values()
    shares = (Share("gpu", 0, 1000),) * 2
    cluster._put_allocation(an_allocation(task, node, slot=2, devices=shares))


def yields_to_its_own(cluster: Cluster) -> None:
    (first,) = cluster.allocations.values()
    cluster._put_allocation(replace(first, wanted=Wanted.REMOVE, displaced_by=first.id))


def awaits_what_stays(cluster: Cluster) -> None:
    (first,) = cluster.allocations.values()
    task = cluster.tasks[first.task_id]
    waiting = an_allocation(task, a_node("w1"), slot=2, awaits=(first.id,), phase=Phase.ASSIGNED)
    cluster._put_allocation(waiting)


def promised_beyond_what_leaves(cluster: Cluster) -> None:
    (first,) = cluster.allocations.values()
    task = cluster.tasks[first.task_id]
    cluster._put_allocation(replace(first, wanted=Wanted.REMOVE, slot=2))
    more = replace(task.spec.demand, memory_bytes=9 * GIB)
    cluster._put_allocation(
        an_allocation(
            task, a_node("w1"), slot=3, awaits=(first.id,), phase=Phase.ASSIGNED, demand=more
        )
    )


def yielding_counted_wrongly(cluster: Cluster) -> None:
    (task,) = cluster.tasks.values()
    cluster._put_task(replace(task, spec=replace(task.spec, preempt=True)))
    assert cluster.yielding is not None
    cluster.yielding.add(0, 50, Resources(1), 1)


def yielding_not_counted(cluster: Cluster) -> None:
    (task,) = cluster.tasks.values()
    cluster.tasks[task.id] = replace(task, spec=replace(task.spec, preempt=True))


def ports_counted_wrongly(cluster: Cluster) -> None:
    cluster.inventory._ports.add((8080, Protocol.TCP), 0)


def devices_counted_wrongly(cluster: Cluster) -> None:
    (node, _) = cluster.nodes.values()
    cluster._put_node(replace(node, facts=replace(node.facts, extras={"gpu": 1})))
    (task,) = cluster.tasks.values()
    cluster.inventory.hold(node.id, task.id, task.spec.demand, (), (Share("gpu", 0, 500),))


def known_to_the_inventory_only(cluster: Cluster) -> None:
    cluster.inventory.put(a_node("w3"))


def held_by_the_wrong_node(cluster: Cluster) -> None:
    (first,) = cluster.allocations.values()
    cluster._on_node[a_node("w2").id].add(first.id)


def standing_wrongly(cluster: Cluster) -> None:
    (roster,) = cluster.rosters.values()
    roster.standings[0] += 1


def present_wrongly(cluster: Cluster) -> None:
    (roster,) = cluster.rosters.values()
    roster.present += 1


def live_on_a_lost_node(cluster: Cluster) -> None:
    cluster._put_node(replace(a_node("w1"), condition=Condition.LOST))


BROKEN: list[tuple[Callable[[Cluster], None], str]] = [
    (two_may_run, "may still run beside another allocation"),
    (kept_in_the_wrong_order, "is not older than"),
    (relieves_another, "relieves another than"),
    (live_beyond_the_replicas, "although its slot is not wanted"),
    (recorded_under_another_name, "is recorded as"),
    (over_committed, "is over-committed"),
    (counted_wrongly, "counts"),
    (counted_by_task_wrongly, "by task"),
    (device_given_twice, "gpu 0 of"),
    (yields_to_its_own, "displaced by its own task"),
    (awaits_what_stays, "which stays"),
    (promised_beyond_what_leaves, "over-committed soon"),
    (yielding_counted_wrongly, "something else is held"),
    (yielding_not_counted, "is not counted"),
    (ports_counted_wrongly, "counts host ports"),
    (devices_counted_wrongly, "counts devices"),
    (known_to_the_inventory_only, "the inventory knows"),
    (held_by_the_wrong_node, "is said to hold"),
    (standing_wrongly, "counts"),
    (present_wrongly, "allocations left"),
    (live_on_a_lost_node, "on a node that was given up"),
]


@pytest.mark.parametrize(("break_it", "sentence"), BROKEN, ids=[one.__name__ for one, _ in BROKEN])
def test_a_broken_cluster_is_noticed(break_it: Callable[[Cluster], None], sentence: str) -> None:
    cluster = a_cluster()
    assert violations(cluster) == []
    break_it(cluster)
    assert any(sentence in violation for violation in violations(cluster))


def test_a_host_port_given_twice_is_noticed() -> None:
    cluster = a_cluster(replicas=2, ports=(Port(80, 8080),))
    assert any("is given 2 times" in violation for violation in violations(cluster))


def test_a_cluster_whose_work_has_ended_breaks_no_rule() -> None:
    task = a_task()
    ended = an_allocation(task, a_node("w1"), phase=Phase.COMPLETED)
    snapshot = Snapshot(cluster_id="c1", tasks=[task], nodes=[a_node("w1")], allocations=[ended])
    assert violations(Cluster(snapshot)) == []


def test_devices_that_are_held_once_break_no_rule() -> None:
    task, node = a_task(extras_millis={"gpu": 500}), a_node("w1", extras={"gpu": 1})
    halves = [
        an_allocation(task, node, slot=slot, devices=(Share("gpu", 0, 500),)) for slot in (1, 2)
    ]
    cluster = Cluster(Snapshot(cluster_id="c", tasks=[task], nodes=[node], allocations=halves))
    assert not [one for one in violations(cluster) if "gpu" in one or "devices" in one]
    assert cluster.extras_reserved(node.id) == {"gpu": 1000}
