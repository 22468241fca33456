"""A course of commits that can be checked: what the n-th one writes, and what the ledger holds after it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cube.core.effects import Writes
from cube.model.event import TaskEvent
from cube.model.ids import TaskId
from cube.model.task import Task
from cube.store.ledger import RequestRecord
from tests.builders import a_task, task_id
from tests.store.ledger_builders import a_request, an_event

NAMES = 7  # a few, so that most commits change what is there
DELETED_EVERY = 5


class Commit(NamedTuple):
    """One transaction: a task put or deleted, its event, and the record of the request."""

    writes: Writes
    request: RequestRecord


def commit(number: int) -> Commit:
    """Return the commit of this number, counted from 1, which is also its revision."""
    name = f"t{number % NAMES}"
    id = task_id(name)
    task = None if number % DELETED_EVERY == 0 else a_task(name=name, revision=number)
    return Commit(
        Writes(tasks={id: task}, events=[_event(number, name)]),
        a_request(_key(number), body=b"answer %d" % number),
    )


def tasks_after(number: int) -> dict[TaskId, Task]:
    """Return the tasks there are after that many commits."""
    tasks: dict[TaskId, Task] = {}
    # An older commit of a name is overwritten by the newest, so the last few say everything.
    for earlier in range(max(1, number - NAMES * 2), number + 1):
        for id, task in commit(earlier).writes.tasks.items():
            if task is None:
                tasks.pop(id, None)
            else:
                tasks[id] = task
    return tasks


def events_after(number: int) -> Iterator[TaskEvent]:
    """Return the events there are after that many commits."""
    return (_event(earlier, f"t{earlier % NAMES}") for earlier in range(1, number + 1))


def requests_after(number: int) -> Iterator[RequestRecord]:
    """Return the records of requests there are after that many commits."""
    return (commit(earlier).request for earlier in range(1, number + 1))


def absent_key(number: int) -> str:
    """Return the key of the first request that is not recorded after that many commits."""
    return _key(number + 1)


def _event(number: int, name: str) -> TaskEvent:
    return an_event(number, task_id=task_id(name), task=name)


def _key(number: int) -> str:
    return f"request-{number}"
