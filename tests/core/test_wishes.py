"""What users ask, answered as values: the answer and the changes it means. A refusal changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from cube.core import wishes
from cube.core.changes import Change, ForgetNode, PutNode, PutTask
from cube.core.cluster import Cluster
from cube.core.effects import Accepted, Rejected, Snapshot
from cube.core.inputs import (
    Apply,
    RemoveNode,
    Restart,
    Rollback,
    Scale,
    SetAvailability,
    Stop,
    Submit,
)
from cube.model.event import EventKind
from cube.model.node import Availability, Condition, Drain, Node
from cube.model.spec import Volume
from cube.model.task import Former, Goal, Task
from cube.model.timing import Instant
from tests.builders import a_node, a_spec, a_task, an_allocation, node_id, task_id

NOW = Instant(50.0, 9_000)
WEB = a_task(replicas=2, revision=4, template_revision=2, created_ms=1_000, changed_ms=2_000)
STOPPED = replace(WEB, goal=Goal.STOP)
W1 = a_node("w1")


def a_cluster(*tasks: Task, nodes: tuple[Node, ...] = (W1,), holding: bool = False) -> Cluster:
    stays = [an_allocation(task, W1) for task in tasks] if holding else []
    return Cluster(
        Snapshot(cluster_id="c1", tasks=list(tasks), nodes=list(nodes), allocations=stays)
    )


def accepted(
    task: Task, kind: EventKind, words: str = "", *, created: bool = False
) -> wishes.Outcome:
    """The outcome of a wish that was taken."""
    return Accepted(task, created=created, changed=True), [PutTask(task, kind, words)]


def unchanged(task: Task) -> wishes.Outcome:
    """The outcome of a wish that was fulfilled already."""
    return Accepted(task, created=False, changed=False), []


def revised(**fields: Any) -> Task:
    """The task with its next revision, changed now."""
    return replace(WEB, **{"revision": 5, "goal": Goal.RUN, "changed_ms": NOW.wall_ms} | fields)


# -- submit -------------------------------------------------------------------------------------------------------


def test_a_new_task_is_created() -> None:
    task = Task(id=task_id("web"), spec=a_spec(), created_ms=9_000, changed_ms=9_000)
    wish = Submit(task_id("web"), a_spec())
    assert wishes.take(a_cluster(), wish, NOW) == accepted(
        task, EventKind.TASK_CREATED, created=True
    )


def test_the_same_task_again_changes_nothing() -> None:
    assert wishes.take(a_cluster(WEB), Submit(WEB.id, WEB.spec), NOW) == unchanged(WEB)


def test_a_stopped_task_is_started_again_with_new_containers() -> None:
    spec = a_spec(image="other:1")
    task = revised(spec=spec, template_revision=5)
    assert wishes.take(a_cluster(STOPPED), Submit(WEB.id, spec), NOW) == accepted(
        task, EventKind.TASK_CREATED, "revision 5", created=True
    )


def test_a_name_in_use_is_refused_with_the_ways_out() -> None:
    answer, changes = wishes.take(a_cluster(WEB), Submit(task_id("other"), a_spec()), NOW)
    assert answer == Rejected(
        "conflict",
        f"the name web is taken by task {WEB.id}",
        "to change that one: cube apply FILE; to end it: cube stop web; or choose another name",
    )
    assert changes == []


def test_the_name_of_a_stopped_task_is_free() -> None:
    wish = Submit(task_id("other"), a_spec())
    answer, _ = wishes.take(a_cluster(STOPPED), wish, NOW)
    assert isinstance(answer, Accepted)
    assert answer.task.id == task_id("other")


def test_an_id_in_use_with_another_spec_is_refused() -> None:
    wish = Submit(WEB.id, a_spec(name="renamed"))
    answer, changes = wishes.take(a_cluster(WEB), wish, NOW)
    assert isinstance(answer, Rejected)
    assert answer.message == f"task {WEB.id} exists already, as web, with another spec"
    assert changes == []


# -- apply --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", [a_cluster(), a_cluster(STOPPED)])
def test_applying_creates_where_none_runs(cluster: Cluster) -> None:
    task = Task(id=task_id("new"), spec=a_spec(), created_ms=9_000, changed_ms=9_000)
    wish = Apply(task_id("new"), a_spec())
    assert wishes.take(cluster, wish, NOW) == accepted(task, EventKind.TASK_CREATED, created=True)


def test_applying_the_present_spec_changes_nothing() -> None:
    assert wishes.take(a_cluster(WEB), Apply(task_id("new"), WEB.spec), NOW) == unchanged(WEB)


def test_applying_another_template_makes_the_containers_outdated() -> None:
    spec = replace(WEB.spec, image="other:1")
    task = revised(spec=spec, template_revision=5, former=Former(4, WEB.spec))
    assert wishes.take(a_cluster(WEB), Apply(WEB.id, spec, if_revision=4), NOW) == accepted(
        task, EventKind.TASK_CHANGED, "revision 5"
    )


def test_applying_another_place_keeps_the_containers() -> None:
    spec = replace(WEB.spec, constraints=("zone==eu-1",))
    task = revised(spec=spec, former=Former(4, WEB.spec))
    assert task.template_revision == 2
    assert wishes.take(a_cluster(WEB), Apply(WEB.id, spec), NOW) == accepted(
        task, EventKind.TASK_CHANGED, "revision 5"
    )


@pytest.mark.parametrize(
    ("tasks", "revision", "words"),
    [
        ((WEB,), 3, "task web is at revision 4, not 3"),
        ((), 3, "there is no running task web at revision 3"),
        ((STOPPED,), 4, "there is no running task web at revision 4"),
    ],
)
def test_applying_against_a_revision_that_is_not_there_is_refused(
    tasks: tuple[Task, ...], revision: int, words: str
) -> None:
    wish = Apply(WEB.id, a_spec(), if_revision=revision)
    answer, changes = wishes.take(a_cluster(*tasks), wish, NOW)
    assert isinstance(answer, Rejected)
    assert (answer.code, answer.message, changes) == ("conflict", words, [])


# -- stop, scale, restart -----------------------------------------------------------------------------------------


def test_stopping_keeps_the_task_on_record() -> None:
    task = revised(goal=Goal.STOP)
    assert wishes.take(a_cluster(WEB), Stop(WEB.id, "enough"), NOW) == accepted(
        task, EventKind.TASK_STOPPED, "enough"
    )


def test_stopping_what_is_stopped_is_success() -> None:
    assert wishes.take(a_cluster(STOPPED), Stop(WEB.id), NOW) == unchanged(STOPPED)


def test_scaling_changes_the_number_only() -> None:
    task = revised(spec=replace(WEB.spec, replicas=7))
    assert wishes.take(a_cluster(WEB), Scale(WEB.id, 7), NOW) == accepted(
        task, EventKind.TASK_CHANGED, "scaled from 2 to 7"
    )


def test_scaling_to_the_present_number_changes_nothing() -> None:
    assert wishes.take(a_cluster(WEB), Scale(WEB.id, 2), NOW) == unchanged(WEB)


def test_a_restart_makes_every_container_outdated() -> None:
    task = revised(template_revision=5)
    assert wishes.take(a_cluster(WEB), Restart(WEB.id), NOW) == accepted(
        task, EventKind.TASK_CHANGED, "restarted by the user"
    )


@pytest.mark.parametrize(
    ("tasks", "wish"),
    [
        ((), Stop(WEB.id)),
        ((), Scale(WEB.id, 3)),
        ((STOPPED,), Scale(WEB.id, 3)),
        ((), Restart(WEB.id)),
        ((STOPPED,), Restart(WEB.id)),
    ],
)
def test_what_does_not_run_can_not_be_changed(tasks: tuple[Task, ...], wish: wishes.Wish) -> None:
    refused = Rejected("not_found", f"there is no running task {WEB.id}", "see: cube status -a")
    assert wishes.take(a_cluster(*tasks), wish, NOW) == (refused, [])


# -- nodes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            Availability.ACTIVE,
            Availability.CORDONED,
            "cordoned: keeps what it has, gets nothing new",
        ),
        (Availability.CORDONED, Availability.DRAINING, "draining: what it has moves away"),
        (Availability.DRAINING, Availability.ACTIVE, "open for work"),
    ],
)
def test_what_a_node_is_open_for_is_told_in_words(
    before: Availability, after: Availability, words: str
) -> None:
    node = a_node("w1", availability=before)
    drain = Drain(began_ms=9_000) if after is Availability.DRAINING else None
    there = replace(node, availability=after, drain=drain, changed_ms=9_000)
    changed: list[Change] = [PutNode(there, EventKind.NODE_CHANGED, words)]
    wish = SetAvailability(node.id, after)
    assert wishes.take(a_cluster(nodes=(node,)), wish, NOW) == (None, changed)


def test_asking_a_node_for_what_it_is_changes_nothing() -> None:
    wish = SetAvailability(W1.id, Availability.ACTIVE)
    assert wishes.take(a_cluster(), wish, NOW) == (None, [])


def test_an_unknown_node_can_be_neither_set_nor_removed() -> None:
    ghost = node_id("ghost")
    refused = Rejected("not_found", f"there is no node {ghost}")
    wish = SetAvailability(ghost, Availability.CORDONED)
    assert wishes.take(a_cluster(), wish, NOW) == (refused, [])
    assert wishes.remove_node(a_cluster(), RemoveNode(ghost), connected=False) == (refused, [])


@pytest.mark.parametrize(
    ("condition", "holding"),
    [(Condition.LOST, True), (Condition.LOST, False), (Condition.READY, False)],
)
def test_a_node_that_is_lost_or_empty_is_forgotten(condition: Condition, holding: bool) -> None:
    cluster = a_cluster(WEB, nodes=(a_node("w1", condition=condition),), holding=holding)
    assert wishes.remove_node(cluster, RemoveNode(W1.id), connected=False) == (
        None,
        [ForgetNode(W1.id)],
    )


@pytest.mark.parametrize(
    ("connected", "words"),
    [
        (True, "node w1 is connected"),
        (False, "node w1 has been silent for too short a time to be given up"),
    ],
)
def test_a_node_that_may_still_work_is_not_forgotten(connected: bool, words: str) -> None:
    cluster = a_cluster(WEB, holding=True)
    answer, changes = wishes.remove_node(cluster, RemoveNode(W1.id), connected=connected)
    assert isinstance(answer, Rejected)
    assert (answer.code, answer.message, changes) == ("conflict", words, [])


# -- rollback and drains ------------------------------------------------------------------------------------------


def test_rolling_back_gives_the_former_spec_a_new_revision_and_can_be_undone() -> None:
    former = replace(WEB.spec, image="old:1")
    present = replace(WEB, former=Former(3, former))
    task = replace(revised(spec=former, template_revision=5), former=Former(WEB.revision, WEB.spec))
    assert wishes.take(a_cluster(present), Rollback(WEB.id), NOW) == accepted(
        task, EventKind.TASK_CHANGED, "rolled back to revision 3"
    )


def test_a_rollback_of_another_revision_than_the_one_seen_is_refused() -> None:
    answer, changes = wishes.take(a_cluster(WEB), Rollback(WEB.id, WEB.revision + 1), NOW)

    assert isinstance(answer, Rejected)
    assert (answer.code, changes) == ("conflict", [])
    assert f"is at revision {WEB.revision}" in answer.message


def test_scaling_is_not_rolled_back() -> None:
    present = replace(WEB, former=Former(3, replace(WEB.spec, image="old:1")))
    answer, _ = wishes.take(a_cluster(present), Scale(WEB.id, 9), NOW)
    assert isinstance(answer, Accepted)
    assert answer.task.former == Former(3, replace(WEB.spec, image="old:1", replicas=9))


@pytest.mark.parametrize(
    ("tasks", "code"), [((WEB,), "conflict"), ((), "not_found"), ((STOPPED,), "not_found")]
)
def test_what_has_no_former_spec_is_not_rolled_back(tasks: tuple[Task, ...], code: str) -> None:
    answer, changes = wishes.take(a_cluster(*tasks), Rollback(WEB.id), NOW)
    assert isinstance(answer, Rejected)
    assert (answer.code, changes) == (code, [])


def test_a_drain_has_a_deadline_that_can_be_changed() -> None:
    node = a_node("w1", availability=Availability.DRAINING, drain=Drain(began_ms=1))
    again = SetAvailability(node.id, Availability.DRAINING)
    assert wishes.take(a_cluster(nodes=(node,)), again, NOW) == (None, [])
    _, [change] = wishes.take(a_cluster(nodes=(node,)), replace(again, patience=600.0), NOW)
    assert isinstance(change, PutNode)
    assert change.node.drain == Drain(began_ms=9_000, deadline_ms=609_000)
    assert change.message.endswith("; what is left is stopped after 10 min")


def test_a_node_whose_volumes_are_waited_for_is_forgotten_by_force_only() -> None:
    lost = a_node("w1", condition=Condition.LOST)
    task = a_task(replicas=2, volumes=(Volume("data", "/data"),))
    other = a_node("w2")
    stay = an_allocation(task, lost, lost=True, started_ms=1)
    elsewhere = an_allocation(task, other, slot=2, started_ms=1)
    snapshot = Snapshot(
        cluster_id="c1", tasks=[task], nodes=[lost, other], allocations=[stay, elsewhere]
    )
    answer, changes = wishes.remove_node(Cluster(snapshot), RemoveNode(lost.id), False)
    assert isinstance(answer, Rejected)
    assert answer.message.startswith("node w1 has the volumes of web.1")
    assert changes == []
    forced = RemoveNode(lost.id, force=True)
    assert wishes.remove_node(Cluster(snapshot), forced, False) == (None, [ForgetNode(lost.id)])
