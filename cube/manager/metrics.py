"""A manager's metrics: counted from what was recorded and answered, read from its parts when somebody scrapes.

An observer only: nothing here is asked by a decision, and what fails here must not keep an answer back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from cube.core.cluster import Cluster
from cube.core.effects import Writes
from cube.instruments import Instruments
from cube.manager.metric_table import MANAGER_METRICS, OTHER_TASKS, TASKS_SHOWN
from cube.manager.starts import PHASES, Starts
from cube.model.allocation import Allocation, Exit, FailureKind
from cube.model.event import EventKind, TaskEvent
from cube.model.ids import allocation_id
from cube.wire.routes import SESSION, STREAM

_ENDS = (
    EventKind.ALLOCATION_EXITED,
    EventKind.ALLOCATION_COMPLETED,
    EventKind.ALLOCATION_FAILED,
)
_FAILURES = frozenset(FailureKind)
NO_ROUTE = "(none)"  # no path of the API: what strangers ask for is no label
_LASTING = (SESSION, STREAM)  # as long as a worker sends
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ManagerMetrics:
    """What is counted as it happens."""

    def __init__(self, cluster: Callable[[], Cluster]) -> None:
        self.instruments = Instruments(MANAGER_METRICS)
        self._cluster = cluster
        self._starts = Starts()
        self._task_labels: set[str] = set()
        counter, histogram = self.instruments.counter, self.instruments.histogram
        events = counter("cube_events_total")
        self._events = {kind: events.labels(kind.value) for kind in EventKind}
        phases = histogram("cube_task_start_duration_seconds")
        self._phases = {name: phases.labels(name).observe for name in PHASES}
        self._restarts = counter("cube_task_restarts_total")
        self._exits = counter("cube_task_exits_total")
        self._failures = counter("cube_task_failures_total")
        self._commits = counter("cube_ledger_commits_total")
        self._commit_failures = counter("cube_ledger_commit_failures_total")
        self._commit_seconds = histogram("cube_ledger_commit_duration_seconds").labels()
        self._requests = counter("cube_http_requests_total")
        self._request_seconds = histogram("cube_http_request_duration_seconds")
        self.decided: Callable[[float], None] = (
            histogram("cube_decision_duration_seconds").labels().observe
        )
        """Take in how long a decision took (seconds)."""
        self.late: Callable[[float], None] = (
            histogram("cube_event_loop_lag_seconds").labels().observe
        )
        """Take in by how much the event loop was late (seconds)."""

    # -- commits ----------------------------------------------------------------------------------------------

    def recorded(self, writes: Writes, seconds: float) -> None:
        """Take in a commit and what is recorded by it."""
        self._commits.inc()
        self._commit_seconds.observe(seconds)
        for event in writes.events:
            self._events[event.kind].inc()
            if event.generation and event.task_id:
                self._of_allocation(event, writes)

    def not_recorded(self) -> None:
        """Take in that a commit failed."""
        self._commit_failures.inc()

    def _of_allocation(self, event: TaskEvent, writes: Writes) -> None:
        cluster = self._cluster()
        assert event.task_id is not None
        id = allocation_id(event.task_id, event.slot, event.generation)
        allocation = writes.allocations.get(id) or cluster.allocations.get(id)
        task = cluster.tasks.get(event.task_id)
        if allocation is None or task is None:  # forgotten since
            return
        for phase, seconds in self._starts.phases(event, allocation, task):
            self._phases[phase](seconds)
        if event.code in _FAILURES:
            self._failures.labels(event.code).inc()
        if event.kind in _ENDS:
            self._ended(event, allocation)

    def _ended(self, event: TaskEvent, allocation: Allocation) -> None:
        task = self._task_label(event.task)
        if event.kind is EventKind.ALLOCATION_EXITED:
            self._restarts.labels(task).inc()
        if (ended := allocation.observed.exit) is not None:
            self._exits.labels(task, outcome_of(ended)).inc()

    def _task_label(self, name: str) -> str:
        if name in self._task_labels:
            return name
        if len(self._task_labels) >= TASKS_SHOWN:
            return OTHER_TASKS
        self._task_labels.add(name)
        return name

    # -- requests ---------------------------------------------------------------------------------------------

    def answered(self, request: web.Request, status: int, seconds: float | None) -> None:
        """Take in an answer. None: what was sent as it came, for as long as somebody read."""
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else NO_ROUTE
        method = request.method if request.method in _METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        if seconds is not None and route not in _LASTING:
            self._request_seconds.labels(route, method).observe(seconds)


def outcome_of(ended: Exit) -> str:
    """Return the class of an exit: `ok`, `error`, `signal` or `out_of_memory`."""
    if ended.out_of_memory:
        return "out_of_memory"
    if ended.code == 0:
        return "ok"
    return "signal" if ended.signal else "error"


def monotonic() -> float:
    """Return the seconds of the running loop's clock."""
    return asyncio.get_running_loop().time()
