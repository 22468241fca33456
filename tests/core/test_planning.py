"""Which planner looks at what: the slots that changed, then who waits for freed room, then the next moves."""

from __future__ import annotations

from cube.core.agenda import Agenda
from cube.core.changes import Assign, Avoid, Change, ForgetTask, PutNode, PutTask, Unassign, Wait
from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.core.planning import Planning
from cube.model.allocation import Allocation, Wanted
from cube.model.event import EventKind
from cube.model.ids import NodeId, TaskId
from cube.model.node import Availability, Drain, Node
from cube.model.task import Goal, Task
from cube.model.timing import DEFAULT_TIMING, Instant
from tests.builders import a_node, a_task, an_allocation, node_id, task_id

W1 = a_node("w1")
CORDONED = a_node("w1", availability=Availability.CORDONED)
ROOM = 1_000


class Desk:
    """A cluster with its agenda, and the steps that planning takes."""

    def __init__(
        self, *tasks: Task, nodes: tuple[Node, ...] = (), holds: Allocation | None = None
    ) -> None:
        held = [holds] if holds else []
        snapshot = Snapshot(cluster_id="c1", tasks=list(tasks), nodes=list(nodes), allocations=held)
        self.cluster = Cluster(snapshot)
        self.agenda = Agenda(self.cluster)
        self.planning = Planning(self.cluster, self.agenda, DEFAULT_TIMING, "spread")
        self.now = Instant(100.0, 9_000)

    def apply(self, *changes: Change) -> None:
        for change in changes:
            self.cluster.apply(change, self.now.wall_ms)
            self.agenda.note(change, self.cluster)

    def step(self, room: int = ROOM) -> list[Change]:
        changes = self.planning.step(self.now, room)
        self.apply(*changes)
        return changes

    def work_off(self) -> list[Change]:
        """Take steps until nothing is due."""
        changes: list[Change] = []
        while self.agenda.due:
            changes += self.step()
        return changes

    def pass_time(self, seconds: float) -> None:
        self.now = Instant(self.now.monotonic + seconds, self.now.wall_ms + int(seconds * 1000))
        self.planning.wake(self.now)

    def where(self) -> dict[TaskId, list[NodeId]]:
        placed: dict[TaskId, list[NodeId]] = {}
        for allocation in self.cluster.allocations.values():
            placed.setdefault(allocation.task_id, []).append(allocation.node_id)
        return placed


def kinds(changes: list[Change]) -> list[type[Change]]:
    return [type(change) for change in changes]


def test_at_the_start_everything_that_does_not_work_is_looked_at() -> None:
    desk = Desk(a_task(name="web", replicas=2), a_task(name="db"), nodes=(W1,))
    assert kinds(desk.work_off()) == [Assign, Assign, Assign]
    assert {task: len(on) for task, on in desk.where().items()} == {
        task_id("web"): 2,
        task_id("db"): 1,
    }


def test_at_the_start_what_works_is_not_looked_at() -> None:
    task = a_task(name="web", replicas=2)
    desk = Desk(task, nodes=(W1,), holds=an_allocation(task, W1))
    assert desk.agenda.slots == {task.id: {2}}
    assert not desk.agenda.rolling


def test_at_the_start_an_update_goes_on() -> None:
    task = a_task(name="web", revision=2, template_revision=2)
    desk = Desk(task, nodes=(W1,), holds=an_allocation(task, W1, template_revision=1))
    assert not desk.agenda.slots
    assert kinds(desk.work_off()) == [Unassign]


def test_a_large_task_is_planned_in_steps_of_about_the_room_there_is() -> None:
    desk = Desk(a_task(replicas=5), nodes=(W1,))
    slots = [
        [change.allocation.slot for change in desk.step(room=2) if isinstance(change, Assign)]
        for _ in range(3)
    ]
    assert slots == [[1, 2], [3, 4], [5]]
    assert not desk.agenda.slots


def test_the_reason_for_waiting_is_said_once() -> None:
    desk = Desk(a_task(replicas=2), nodes=(CORDONED,))
    assert kinds(desk.work_off()) == [Wait]
    desk.agenda.mark(task_id("web"), (1, 2))
    assert desk.work_off() == []


def test_a_slot_that_changed_is_looked_at_while_its_neighbours_go_on_waiting() -> None:
    desk = Desk(a_task(replicas=3), nodes=(CORDONED,))
    desk.work_off()
    desk.agenda.mark(task_id("web"), (2,))
    desk.step()
    assert desk.agenda.waiting == {task_id("web"): {1, 2, 3}}


def test_those_who_wait_are_looked_at_when_a_node_has_room_again() -> None:
    desk = Desk(a_task(name="one"), a_task(name="other"), nodes=(CORDONED,))
    desk.work_off()
    desk.apply(PutNode(W1, None))
    assert kinds(desk.step()) == [Assign]
    assert kinds(desk.step()) == [Assign]
    assert not desk.agenda.waiting
    assert desk.where() == {task_id("one"): [W1.id], task_id("other"): [W1.id]}


def test_a_task_that_finds_room_for_some_slots_goes_on_waiting_for_the_others() -> None:
    desk = Desk(a_task(replicas=3, max_per_node=2), nodes=(CORDONED,))
    desk.work_off()
    desk.apply(PutNode(W1, None))
    desk.work_off()
    assert desk.agenda.waiting == {task_id("web"): {3}}
    assert len(desk.where()[task_id("web")]) == 2


def test_a_task_that_still_waits_reads_the_present_reason() -> None:
    desk = Desk(a_task(cpu_millis=64_000))
    desk.work_off()
    desk.apply(PutNode(W1, EventKind.NODE_JOINED))
    [wait] = desk.work_off()
    assert isinstance(wait, Wait)
    assert "cpu" in wait.why
    assert desk.cluster.slots(task_id("web"))[1].waiting == wait.why


def test_the_same_reason_is_not_said_again_when_a_node_changes() -> None:
    desk = Desk(a_task(cpu_millis=64_000), nodes=(W1,))
    desk.work_off()
    desk.apply(PutNode(W1, None))
    assert desk.work_off() == []


def test_a_reason_that_is_over_is_left_to_the_look_that_finds_the_room() -> None:
    desk = Desk(a_task(), nodes=(CORDONED,))
    [wait] = desk.work_off()
    assert isinstance(wait, Wait)
    desk.cluster.apply(
        PutNode(a_node("w2"), None), desk.now.wall_ms
    )  # the agenda hears of it later
    desk.apply(PutNode(CORDONED, None))
    assert desk.work_off() == []
    assert desk.cluster.slots(task_id("web"))[1].waiting == wait.why


def test_a_drain_that_is_stuck_on_an_avoided_node_goes_on_when_that_is_over() -> None:
    task = a_task()
    draining = a_node("w1", availability=Availability.DRAINING, drain=Drain(began_ms=1))
    desk = Desk(task, nodes=(draining, a_node("w2")), holds=an_allocation(task, draining))
    desk.apply(Avoid(task.id, 1, node_id("w2"), until=160.0, why="full"))
    desk.agenda.mark_drain(draining.id)
    assert desk.work_off() == []
    assert desk.planning.look_again_at(desk.now) == 160.0
    desk.pass_time(60.0)
    assert kinds(desk.work_off()) == [Assign]


def test_in_a_large_cluster_the_reason_is_not_worded_anew_with_every_change_of_a_node() -> None:
    many = tuple(a_node(f"n{number}") for number in range(101))
    desk = Desk(a_task(cpu_millis=64_000), nodes=many)
    desk.work_off()
    desk.apply(PutNode(a_node("n0", availability=Availability.CORDONED), None))
    assert desk.work_off() == []


def test_an_avoided_node_is_tried_again_when_its_time_is_over() -> None:
    desk = Desk(a_task(), nodes=(W1,))
    desk.apply(Avoid(task_id("web"), 1, W1.id, until=160.0, why="full"))
    assert kinds(desk.work_off()) == [Wait]
    assert desk.planning.look_again_at(desk.now) == 160.0
    desk.pass_time(59.0)
    assert not desk.agenda.due
    desk.pass_time(1.0)
    assert kinds(desk.work_off()) == [Assign]
    assert desk.planning.look_again_at(desk.now) is None


def test_slots_that_avoid_different_nodes_and_find_the_same_one_are_placed_one_after_the_other() -> (
    None
):
    desk = Desk(a_task(replicas=2), nodes=(W1,))
    desk.apply(
        Avoid(task_id("web"), 1, node_id("w2"), until=160.0, why="full"),
        Avoid(task_id("web"), 2, node_id("w3"), until=160.0, why="full"),
    )
    assert [kinds(desk.step()), kinds(desk.step())] == [[Assign], [Assign]]
    assert desk.where() == {task_id("web"): [W1.id, W1.id]}


def test_a_task_that_was_forgotten_while_it_avoided_a_node_is_not_planned() -> None:
    desk = Desk(a_task(), nodes=(W1,))
    desk.apply(Avoid(task_id("web"), 1, W1.id, until=160.0, why="full"))
    desk.work_off()
    stopped = a_task(goal=Goal.STOP, revision=2)
    desk.apply(PutTask(stopped, EventKind.TASK_STOPPED), ForgetTask(stopped.id))
    desk.pass_time(60.0)
    assert desk.work_off() == []
    assert desk.planning.look_again_at(desk.now) is None


def test_the_next_look_is_when_the_first_avoided_node_may_be_tried_again() -> None:
    desk = Desk(a_task(name="one"), a_task(name="other"), nodes=(W1,))
    desk.apply(
        Avoid(task_id("one"), 1, W1.id, until=160.0, why="full"),
        Avoid(task_id("other"), 1, W1.id, until=130.0, why="full"),
    )
    desk.work_off()
    assert desk.planning.look_again_at(desk.now) == 130.0


def test_a_slot_that_changed_is_planned_before_the_freed_room_is_offered() -> None:
    desk = Desk(a_task(name="late", max_per_node=1), nodes=(CORDONED,))
    desk.work_off()
    desk.apply(PutNode(W1, None), PutTask(a_task(name="early"), EventKind.TASK_CREATED))
    [first] = desk.step()
    assert isinstance(first, Assign)
    assert first.allocation.task_id == task_id("early")


def test_a_stopped_task_makes_no_moves_and_is_not_waited_for() -> None:
    task = a_task()
    desk = Desk(task, nodes=(CORDONED,))
    desk.work_off()
    stopped = a_task(goal=Goal.STOP, revision=2)
    desk.apply(PutTask(stopped, EventKind.TASK_STOPPED))
    desk.agenda.rolling[task.id] = None
    assert desk.work_off() == []
    assert not desk.agenda.waiting


def test_moves_come_last_and_one_at_a_time() -> None:
    task = a_task(revision=2, template_revision=2)
    stay = an_allocation(task, W1, template_revision=1)
    desk = Desk(task, nodes=(W1,), holds=stay)
    assert desk.work_off() == [Unassign(stay.id, "replaced by revision 2")]
    assert desk.cluster.allocations[stay.id].wanted is Wanted.REMOVE


def test_a_task_goes_by_its_own_strategy_before_the_clusters() -> None:
    nodes = (a_node("w1"), a_node("w2"))
    full = a_task(name="full", cpu_millis=1_000)
    spread = a_task(name="spread", cpu_millis=100)
    packed = a_task(name="packed", cpu_millis=100, strategy="binpack")
    desk = Desk(full, spread, packed, nodes=nodes, holds=an_allocation(full, nodes[1]))
    desk.work_off()
    assert desk.where()[task_id("packed")] == [node_id("w2")]
    assert desk.where()[task_id("spread")] == [node_id("w1")]
