"""Each change of a derived state is told once, and settled tasks are forgotten in time."""

from __future__ import annotations

from cube.core.changes import Announce, ForgetTask, PutTask
from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.core.states import States
from cube.model.event import EventKind
from cube.model.task import Goal, Task
from cube.model.timing import DEFAULT_TIMING, Instant
from tests.builders import a_node, a_task, an_allocation

DAY_MS = 24 * 3600 * 1000
NOW = Instant(1_000.0, 1_700_000_000_000)
WEB = a_task(name="web")


def a_cluster(*tasks: Task) -> Cluster:
    node = a_node("w1")
    stays = [an_allocation(task, node) for task in tasks if task.goal is Goal.RUN]
    return Cluster(Snapshot(cluster_id="c1", tasks=list(tasks), nodes=[node], allocations=stays))


def stopped(name: str, days_ago: float) -> Task:
    return a_task(name=name, goal=Goal.STOP, changed_ms=NOW.wall_ms - round(days_ago * DAY_MS))


def test_a_new_state_is_told_once_with_its_reason() -> None:
    cluster = a_cluster()
    states = States(cluster, DEFAULT_TIMING)
    cluster.apply(PutTask(WEB, EventKind.TASK_CREATED), NOW.wall_ms)

    [told] = states.news([WEB.id], NOW)
    assert isinstance(told, Announce)
    assert (told.kind, told.code, told.task_id) == (EventKind.TASK_STATE, "pending", WEB.id)
    assert told.message.startswith("pending: ")
    assert states.news([WEB.id], NOW) == []


def test_what_is_so_at_the_start_of_a_manager_is_no_news() -> None:
    assert States(a_cluster(WEB), DEFAULT_TIMING).news([WEB.id], NOW) == []


def test_tasks_that_were_stopped_long_ago_are_forgotten_the_oldest_first() -> None:
    kept_days = DEFAULT_TIMING.stopped_task_kept / 86_400
    old, older = stopped("old", kept_days + 1), stopped("older", kept_days + 2)
    states = States(a_cluster(WEB, old, stopped("fresh", 0), older), DEFAULT_TIMING)

    assert states.too_old(NOW) == [ForgetTask(older.id), ForgetTask(old.id)]
    assert states.too_old(NOW) == []


def test_it_says_when_the_next_one_is_to_be_forgotten() -> None:
    fresh = stopped("fresh", 0)
    states = States(a_cluster(fresh), DEFAULT_TIMING)
    due = NOW.monotonic + DEFAULT_TIMING.stopped_task_kept

    assert states.next_due(NOW) == due
    assert States(a_cluster(WEB), DEFAULT_TIMING).next_due(NOW) is None


def test_a_task_that_is_changed_again_is_not_forgotten() -> None:
    old = stopped("old", 365)
    states = States(a_cluster(old), DEFAULT_TIMING)
    states.begin_again(old.id)

    assert states.too_old(NOW) == []
