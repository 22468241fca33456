"""Which verdicts fall due by silence, and for whom an absence of the manager's own does not count."""

from __future__ import annotations

from cube.core.changes import Announce, Change, PutNode, WriteOff
from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.core.inputs import Tick
from cube.core.judging import Judging
from cube.model.event import EventKind
from cube.model.node import Condition
from cube.model.timing import DEFAULT_TIMING, Instant
from tests.builders import a_node, a_task, an_allocation

BEGIN = 1_000.0


def at(seconds: float) -> Instant:
    return Instant(BEGIN + seconds, 9_000)


def judging(*names: str) -> Judging:
    nodes = [a_node(name) for name in names]
    held = [an_allocation(a_task(), nodes[0])]
    snapshot = Snapshot(cluster_id="c1", tasks=[a_task()], nodes=nodes, allocations=held)
    made = Judging(Cluster(snapshot), DEFAULT_TIMING, at(0))
    made.begin_anew(at(0))
    return made


def verdicts(one: Judging, seconds: float) -> list[Change]:
    return list(one.verdicts(Tick(), at(seconds)))


def test_nothing_is_due_while_every_node_is_heard() -> None:
    assert verdicts(judging("w1", "w2"), 1) == []


def test_a_silent_node_is_suspect_and_then_lost_with_what_it_held() -> None:
    one = judging("w1")
    [suspect] = verdicts(one, DEFAULT_TIMING.suspect_after)
    assert isinstance(suspect, PutNode) and suspect.node.condition is Condition.SUSPECT
    changes = verdicts(one, DEFAULT_TIMING.lost_after)
    assert isinstance(changes[-2], PutNode) and changes[-2].node.condition is Condition.LOST
    assert isinstance(changes[-1], WriteOff)
    assert one.leases.heard(a_node("w1").id) is None


def test_too_many_at_once_are_not_believed() -> None:
    changes = verdicts(judging("w1", "w2", "w3"), DEFAULT_TIMING.lost_after)
    assert isinstance(changes[-1], Announce) and changes[-1].kind is EventKind.MANAGER_HELD
    assert not [one for one in changes if isinstance(one, WriteOff)]


def test_a_manager_that_slept_excuses_everybody() -> None:
    one = judging("w1")
    one.notice_absence(None, at(0))
    one.notice_absence(BEGIN + 10 - DEFAULT_TIMING.overslept, at(10))
    assert one.leases.heard(a_node("w1").id) == BEGIN
    one.notice_absence(BEGIN, at(20))
    assert one.leases.heard(a_node("w1").id) == BEGIN + 20
    assert verdicts(one, 21) == []
