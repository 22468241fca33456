"""Deadlines of drains, and what is told of those that are under way."""

from __future__ import annotations

from cube.core.cluster import Cluster
from cube.core.drains import LOOKS_AT_MOST, Deadlines, Step, drained, leavers
from cube.core.effects import Snapshot
from cube.model.allocation import Allocation, Phase, Wanted
from cube.model.node import Availability, Drain, Node
from cube.model.spec import OnDisconnect, Volume
from cube.model.task import Task
from cube.model.timing import Instant
from tests.builders import a_node, a_task, an_allocation

NOW = Instant(100.0, 50_000)


def draining(drain: Drain | None) -> Node:
    return a_node("w1", availability=Availability.DRAINING, drain=drain)


TEN_SECONDS = draining(Drain(began_ms=45_000, deadline_ms=55_000))


def a_cluster(
    *nodes: Node, tasks: tuple[Task, ...] = (), stays: tuple[Allocation, ...] = ()
) -> Cluster:
    return Cluster(
        Snapshot(cluster_id="c1", nodes=list(nodes), tasks=list(tasks), allocations=list(stays))
    )


def test_what_is_left_of_a_deadline_is_counted_on_the_clock_that_only_goes_forward() -> None:
    deadlines = Deadlines(a_cluster(TEN_SECONDS))
    assert (deadlines.ahead(NOW), deadlines.passed(NOW)) == ([105.0], [])
    set_back = Instant(104.9, 0)
    assert deadlines.passed(set_back) == []
    due = Instant(105.0, 1)
    assert (deadlines.passed(due), deadlines.passed(due)) == ([TEN_SECONDS.id], [])
    assert (deadlines.expired(due), deadlines.ahead(due)) == ({TEN_SECONDS.id}, [])


def test_a_wall_clock_that_was_set_back_does_not_make_it_longer() -> None:
    assert Deadlines(a_cluster(TEN_SECONDS)).ahead(Instant(100.0, 0)) == [110.0]


def test_a_drain_without_a_deadline_waits_for_ever() -> None:
    cluster = a_cluster(draining(Drain(began_ms=1)), a_node("w2"))
    assert Deadlines(cluster).ahead(NOW) == []


def test_a_node_is_drained_when_nothing_on_it_runs() -> None:
    node = draining(Drain(began_ms=1))
    task = a_task()
    for phase, is_empty in ((Phase.RUNNING, False), (Phase.COMPLETED, True)):
        stay = an_allocation(task, node, phase=phase)
        cluster = a_cluster(node, tasks=(task,), stays=(stay,))
        assert bool(drained(cluster, node.id, NOW)) is is_empty
    for other in (a_node("w1"), draining(Drain(began_ms=1, ended_ms=2))):
        assert drained(a_cluster(other), other.id, NOW) == []


def the_leavers(
    task: Task, *stays: Allocation, others: tuple[Node, ...] = ()
) -> list[tuple[Step, str]]:
    node = draining(Drain(began_ms=1))
    cluster = a_cluster(node, *others, tasks=(task,), stays=stays)
    return [(one.step, one.reason) for one in leavers(cluster, node.id, NOW)]


def test_each_replica_that_is_left_says_how_far_it_is() -> None:
    node, w2 = draining(Drain(began_ms=1)), a_node("w2")
    task = a_task(replicas=3)
    stopping = an_allocation(task, node, wanted=Wanted.REMOVE, why_removed="moved")
    relieved = an_allocation(task, node, slot=2)
    relief = an_allocation(
        task, w2, slot=2, generation=2, relieves=relieved.id, phase=Phase.PULLING
    )
    queued = an_allocation(task, node, slot=3)
    assert the_leavers(task, stopping, relieved, relief, queued, others=(w2,)) == [
        (Step.STOPPING, "moved"),
        (Step.RELIEVED, ""),
        (Step.QUEUED, "waits for its turn"),
    ]


def test_one_that_no_node_takes_says_why() -> None:
    node = draining(Drain(began_ms=1))
    task = a_task()
    [(step, reason)] = the_leavers(task, an_allocation(task, node))
    assert (step, reason) == (Step.BLOCKED, "no node fits: 1 is draining (w1)")


def test_one_whose_data_is_here_says_so() -> None:
    node = draining(Drain(began_ms=1))
    task = a_task(volumes=(Volume("data", "/data"),))
    [leaver] = leavers(
        a_cluster(
            node, a_node("w2"), tasks=(task,), stays=(an_allocation(task, node, started_ms=1),)
        ),
        node.id,
        NOW,
    )
    assert (leaver.step, leaver.reason) == (Step.BLOCKED, "its data is here, in data")
    assert "cube node drain w1 --force" in leaver.hint


def test_those_that_go_one_by_one_say_so() -> None:
    node = draining(Drain(began_ms=1))
    task = a_task(on_disconnect=OnDisconnect.STOP)
    [(step, reason)] = the_leavers(task, an_allocation(task, node), others=(a_node("w2"),))
    assert step is Step.QUEUED
    assert reason.endswith("the replicas of web are moved one by one, while all others work")


def test_replicas_that_ask_for_the_same_are_looked_up_once() -> None:
    node = draining(Drain(began_ms=1))
    task = a_task(replicas=LOOKS_AT_MOST + 1)
    stays = tuple(an_allocation(task, node, slot=n + 1) for n in range(LOOKS_AT_MOST + 1))
    assert {step for step, _ in the_leavers(task, *stays)} == {Step.BLOCKED}


def test_the_reasons_of_a_few_tasks_are_looked_up() -> None:
    node = draining(Drain(began_ms=1))
    tasks = tuple(a_task(name=f"t{n:02}") for n in range(LOOKS_AT_MOST + 1))
    stays = tuple(an_allocation(task, node) for task in tasks)
    found = leavers(a_cluster(node, tasks=tasks, stays=stays), node.id, NOW)
    assert [one.step for one in found] == [Step.BLOCKED] * LOOKS_AT_MOST + [Step.QUEUED]
    assert found[-1].reason == ""
