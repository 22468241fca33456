"""A task: the lasting wish of a user, with its revisions."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cube.model.ids import TaskId
from cube.model.spec import TaskSpec


class Goal(StrEnum):
    """What the user wants of the task as a whole."""

    RUN = "run"
    STOP = "stop"


class TaskState(StrEnum):
    """The five states people see. Always derived by `core.summary`, never stored."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Former(msgspec.Struct, frozen=True, gc=False):
    """What a task was before its last change by its user: what a rollback goes back to."""

    revision: int
    spec: TaskSpec


class Task(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A named spec and what became of the wish. Written by users through the API only.

    `revision` grows with every accepted change; `template_revision` is the revision that last changed what a
    container looks like, and an allocation of an older one is to be replaced.
    """

    id: TaskId
    spec: TaskSpec
    revision: int = 1
    template_revision: int = 1
    goal: Goal = Goal.RUN
    former: Former | None = None
    created_ms: int = 0
    changed_ms: int = 0
    changed_revision: int = 0
    """The ledger's, at the last change by its user. A container that was assigned later knows the wish as well."""

    @property
    def name(self) -> str:
        """The name in the spec."""
        return self.spec.name

    @property
    def wanted_slots(self) -> int:
        """How many slots are to be filled now; slots are numbered from 1."""
        return self.spec.replicas if self.goal is Goal.RUN else 0
