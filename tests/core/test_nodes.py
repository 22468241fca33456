"""What workers say, judged as values: who is let in, what is news, and what each worker has to do."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from cube.core import nodes
from cube.core.changes import PutNode, Record, Unassign, WriteOff
from cube.core.cluster import Cluster
from cube.core.effects import Snapshot, TurnedAway
from cube.core.inputs import Connect, Observe
from cube.model.allocation import Allocation, Exit, Observed, Phase, Wanted
from cube.model.event import EventKind
from cube.model.ids import AllocationId, NodeId
from cube.model.node import Availability, Condition, Facts, Node
from cube.model.orders import Holding, Order, Remove, Run
from cube.model.timing import Instant
from tests.builders import CAPACITY, a_node, a_task, an_allocation, node_id, task_id

NOW = Instant(50.0, 9_000)
WEB = a_task(replicas=3)
W1, W2 = a_node("w1", epoch=3), a_node("w2")
STRAY = AllocationId(f"{task_id('ghost')}.1.1")


def a_cluster(*allocations: Allocation, known: tuple[Node, ...] = (W1, W2)) -> Cluster:
    return Cluster(
        Snapshot(cluster_id="c1", tasks=[WEB], nodes=list(known), allocations=list(allocations))
    )


def hello(name: str = "w1", id: str = "", **fields: Any) -> Connect:
    said: dict[str, Any] = {
        "node_id": node_id(id or name),
        "cluster_id": "c1",
        "facts": Facts(name=name, capacity=CAPACITY),
    }
    return Connect(**said | fields)


def stay(slot: int = 1, node: Node = W1, **fields: Any) -> Allocation:
    return an_allocation(WEB, node, slot=slot, **fields)


def run(allocation: Allocation, first_restart: int = 0) -> Order:
    return Run(
        id=allocation.id,
        task_id=WEB.id,
        slot=allocation.slot,
        generation=allocation.generation,
        spec=WEB.spec,
        first_restart=first_restart,
    )


# -- hello --------------------------------------------------------------------------------------------------------


def test_a_new_worker_becomes_a_node() -> None:
    node = Node(
        id=node_id("w3"),
        facts=Facts(name="w3", capacity=CAPACITY),
        epoch=1,
        joined_ms=9_000,
        changed_ms=9_000,
    )
    assert nodes.admit(a_cluster(), hello("w3", cluster_id=""), NOW) == node
    assert nodes.joined(None, node) == PutNode(node, EventKind.NODE_JOINED)


def test_a_known_worker_gets_the_next_epoch_and_keeps_what_the_administrator_said() -> None:
    known = replace(W1, availability=Availability.CORDONED, condition=Condition.LOST)
    node = nodes.admit(a_cluster(known=(known,)), hello("w1"), NOW)
    assert node == replace(known, epoch=4, condition=Condition.READY, changed_ms=9_000)


def test_a_worker_of_another_cluster_is_turned_away_for_good() -> None:
    answer = nodes.admit(a_cluster(), hello(cluster_id="c2"), NOW)
    assert isinstance(answer, TurnedAway)
    assert answer.final
    assert "belongs to cluster c2, not to c1" in answer.reason


@pytest.mark.parametrize("name", ["", "a\r\nX: y", "\x1b[2J", "\u202ew1", "w 1", "-w1", "w" * 128])
def test_a_name_that_nobody_could_type_is_turned_away_for_good(name: str) -> None:
    for strange in (hello(name, id="x"), hello("w1", node_id=NodeId(name))):
        answer = nodes.admit(a_cluster(), strange, NOW)
        assert isinstance(answer, TurnedAway)
        assert answer.final
        assert "--name" in answer.reason


def test_machines_of_one_name_get_numbers() -> None:
    cluster = a_cluster(known=(W1, a_node("w1-2")))
    node = nodes.admit(cluster, hello("w1", id="third"), NOW)
    assert isinstance(node, Node)
    assert node.name == "w1-3"


@pytest.mark.parametrize(
    ("known", "node", "change"),
    [
        (W1, W1, PutNode(W1, None)),
        (replace(W1, condition=Condition.LOST), W1, PutNode(W1, EventKind.NODE_RETURNED)),
        (replace(W1, runtime_error="no engine"), W1, PutNode(W1, EventKind.NODE_RUNTIME_UP)),
    ],
    ids=["as before", "was lost", "its engine answers again"],
)
def test_a_return_is_told_according_to_how_it_was_before(
    known: Node, node: Node, change: PutNode
) -> None:
    assert nodes.joined(known, node) == change


def test_a_worker_that_returns_without_its_engine_says_so() -> None:
    node = replace(W1, runtime_error="no engine")
    assert nodes.joined(W1, node) == PutNode(node, EventKind.NODE_RUNTIME_DOWN, "no engine")


# -- orders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "first_restart", "runs_over"),
    [
        ({"phase": Phase.ASSIGNED}, 0, 0),
        ({"phase": Phase.STARTING, "restart": 2}, 2, 2),
        ({"phase": Phase.RUNNING, "restart": 2}, 3, 2),
        ({"phase": Phase.STOPPING, "restart": 2}, 3, 3),
        ({"phase": Phase.EXITED, "restart": 2}, 3, 3),
    ],
    ids=str,
)
def test_a_worker_that_remembers_nothing_goes_on_behind_the_last_run(
    fields: dict[str, Any], first_restart: int, runs_over: int
) -> None:
    allocation = stay(**fields)
    order = replace(run(allocation, first_restart), runs_over=runs_over)
    assert nodes.order_for(a_cluster(allocation), allocation) == order


@pytest.mark.parametrize("fields", [{"wanted": Wanted.REMOVE}, {"lost": True}], ids=str)
def test_what_is_not_wanted_any_more_is_ordered_away(fields: dict[str, Any]) -> None:
    allocation = stay(why_removed="scaled down", **fields)
    order = Remove(id=allocation.id, reason="scaled down")
    assert nodes.order_for(a_cluster(allocation), allocation) == order


@pytest.mark.parametrize(
    "fields",
    [
        {"phase": Phase.COMPLETED},
        {"phase": Phase.REMOVED},
        {"phase": Phase.REMOVED, "wanted": Wanted.REMOVE},
        {"phase": Phase.REMOVED, "lost": True},
    ],
    ids=str,
)
def test_what_has_ended_needs_no_order(fields: dict[str, Any]) -> None:
    allocation = stay(**fields)
    assert nodes.order_for(a_cluster(allocation), allocation) is None


def test_the_full_orders_name_everything_on_record_and_everything_held() -> None:
    wanted, ended = stay(1, phase=Phase.ASSIGNED), stay(2, phase=Phase.COMPLETED)
    elsewhere = stay(3, W2)
    cluster = a_cluster(wanted, ended, elsewhere)
    held = tuple(Holding(id=one) for one in (ended.id, elsewhere.id, STRAY))
    assert nodes.full_orders(cluster, hello("w1", holding=held)) == [
        run(wanted),
        Remove(id=elsewhere.id, reason="it was placed on another node since"),
        Remove(id=STRAY, reason="no such allocation is on record"),
    ]


def revised(*allocations: Allocation) -> Cluster:
    task = replace(WEB, revision=2, template_revision=2)
    return Cluster(
        Snapshot(cluster_id="c1", tasks=[task], nodes=[W1], allocations=list(allocations))
    )


def test_an_outdated_stay_of_which_its_worker_holds_nothing_is_ordered_away() -> None:
    lost, held, leaving = stay(1), stay(2), stay(3, wanted=Wanted.REMOVE)
    cluster = revised(lost, held, leaving)
    greeting = hello("w1", holding=(Holding(id=held.id),))
    changes = nodes.outdated_and_gone(cluster, greeting)
    assert changes == [Unassign(lost.id, "replaced by revision 2")]
    cluster.apply(changes[0], 0)
    runs = [type(order) for order in nodes.full_orders(cluster, greeting)]
    assert runs == [Remove, Run, Remove]


def test_a_stay_of_the_present_revision_runs_again_where_nothing_is_left_of_it() -> None:
    cluster = a_cluster(stay(1))
    assert nodes.outdated_and_gone(cluster, hello("w1")) == []
    assert [type(order) for order in nodes.full_orders(cluster, hello("w1"))] == [Run]


def test_nothing_is_said_of_outdated_stays_to_a_worker_that_does_not_know_what_it_holds() -> None:
    cluster = revised(stay(1))
    greeting = hello("w1", blind=True, runtime_error="cannot reach the engine")
    assert nodes.outdated_and_gone(cluster, greeting) == []
    assert nodes.full_orders(cluster, greeting) == []


# -- reports ------------------------------------------------------------------------------------------------------


def said(*reports: tuple[AllocationId, Observed]) -> Observe:
    return Observe(W1.id, 3, reports)


def test_news_is_recorded_with_the_session_it_came_from() -> None:
    before = stay(phase=Phase.ASSIGNED, sequence=0)
    running = Observed(phase=Phase.RUNNING, sequence=5)
    after = replace(before, observed=replace(running, epoch=3))
    records = [Record(after, before.observed)]
    assert nodes.news(a_cluster(before), said((before.id, running))) == (records, [])


def test_a_repetition_is_no_news() -> None:
    running = stay(phase=Phase.RUNNING, epoch=3, sequence=5)
    again = Observed(phase=Phase.RUNNING, sequence=5)
    assert nodes.news(a_cluster(running), said((running.id, again))) == ([], [])


@pytest.mark.parametrize(
    ("id", "why"),
    [
        (STRAY, "no such allocation is on record"),
        (stay(3, W2).id, "it was placed on another node since"),
    ],
    ids=["on no record", "of another node"],
)
def test_what_is_not_this_workers_is_ordered_away_unless_it_is_gone(
    id: AllocationId, why: str
) -> None:
    cluster = a_cluster(stay(3, W2))
    running, gone = Observed(phase=Phase.RUNNING), Observed(phase=Phase.REMOVED)
    assert nodes.news(cluster, said((id, running))) == ([], [Remove(id=id, reason=why)])
    assert nodes.news(cluster, said((id, gone))) == ([], [])


@pytest.mark.parametrize(
    ("phase", "orders"),
    [
        (Phase.RUNNING, [Remove(id=stay().id, reason="it has ended on record")]),
        (Phase.COMPLETED, []),
    ],
)
def test_what_runs_although_it_was_written_off_is_ordered_away(
    phase: Phase, orders: list[Order]
) -> None:
    lost = stay(lost=True)
    report = Observed(phase=phase, sequence=9)
    assert nodes.news(a_cluster(lost), said((lost.id, report))) == ([], orders)


# -- leases -------------------------------------------------------------------------------------------------------


def test_a_lease_of_a_suspected_node_with_news_of_its_engine_is_two_changes() -> None:
    suspect = replace(W1, condition=Condition.SUSPECT)
    ready = replace(W1, changed_ms=9_000)
    down = replace(ready, runtime_error="no engine")
    assert nodes.heard_again(suspect, "no engine", NOW) == [
        PutNode(ready, EventKind.NODE_RETURNED, "heard again"),
        PutNode(down, EventKind.NODE_RUNTIME_DOWN, "no engine"),
    ]


def test_a_lease_of_a_ready_node_tells_only_of_its_engine() -> None:
    down = replace(W1, runtime_error="no engine")
    up = replace(W1, changed_ms=9_000)
    assert nodes.heard_again(down, "", NOW) == [PutNode(up, EventKind.NODE_RUNTIME_UP)]


def test_a_lease_of_a_suspected_node_without_other_news_is_one_change() -> None:
    suspect = replace(W1, condition=Condition.SUSPECT)
    ready = replace(W1, changed_ms=9_000)
    assert nodes.heard_again(suspect, "", NOW) == [
        PutNode(ready, EventKind.NODE_RETURNED, "heard again")
    ]


@pytest.mark.parametrize(
    ("condition", "kind"),
    [(Condition.SUSPECT, EventKind.NODE_SUSPECT), (Condition.LOST, EventKind.NODE_LOST)],
)
def test_a_verdict_tells_how_long_the_silence_was(condition: Condition, kind: EventKind) -> None:
    judged = replace(W1, condition=condition, changed_ms=9_000)
    assert nodes.silent(W1, condition, 4.0, NOW) == PutNode(judged, kind, "not heard for 4 s")


def test_everything_a_lost_node_still_ran_is_given_up() -> None:
    running, completed = stay(1), stay(2, phase=Phase.COMPLETED)
    cluster = a_cluster(running, completed, stay(3, W2))
    assert list(nodes.write_offs(cluster, W1)) == [WriteOff(running.id, "node w1 was lost")]


def test_what_had_ended_on_a_lost_node_and_was_to_be_removed_is_taken_for_gone() -> None:
    leaving = stay(1, phase=Phase.COMPLETED, wanted=Wanted.REMOVE)
    record = Record(nodes.as_gone(leaving), leaving.observed)
    assert list(nodes.write_offs(a_cluster(leaving), W1)) == [record]


def test_what_is_taken_for_gone_keeps_how_it_ended() -> None:
    completed = stay(phase=Phase.COMPLETED, restart=2, exit=Exit(0))
    gone = nodes.as_gone(completed)
    assert gone.gone
    assert (gone.observed.restart, gone.observed.exit) == (2, Exit(0))
