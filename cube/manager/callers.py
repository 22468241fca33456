"""Who is asking, known to whatever serves the request: for the audit of what it changes.

Kept in the context of the request and not handed through every call: a handler cannot forget to pass it on, so no
change is without its caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from cube.core.effects import Accepted, Answer
from cube.model.audit import AuditEntry
from cube.security.principal import Principal

NAMES_TOLD = 10  # of the tasks of one request
OBJECT_LENGTH = 300


class Caller(msgspec.Struct):
    """One request of somebody. `audited` is set once the act is on its way to the record."""

    principal: Principal | None
    address: str
    action: str
    object: str = ""
    audited: bool = False

    def entry(
        self, outcome: int, *, at_ms: int, revision: int = 0, object: str = "", count: int = 1
    ) -> AuditEntry:
        """Return what the audit says of it."""
        who = self.principal
        return AuditEntry(
            at_ms=at_ms,
            principal=who.key if who else "",
            name=who.name if who else "",
            address=self.address,
            action=self.action,
            object=(object or self.object)[:OBJECT_LENGTH],
            outcome=outcome,
            revision=revision,
            count=count,
        )


_caller: ContextVar[Caller | None] = ContextVar("who is asking", default=None)


def caller() -> Caller | None:
    """Return who is asking; None outside of a request."""
    return _caller.get()


def known_caller() -> Caller:
    """Return who is asking, for an operation whose rule lets nobody in whom it does not know."""
    who = _caller.get()
    assert who is not None
    return who


@contextmanager
def asking(who: Caller) -> Iterator[None]:
    """Have it be the caller of everything in the block."""
    token = _caller.set(who)
    try:
        yield
    finally:
        _caller.reset(token)


def tasks_of(answers: Sequence[Answer]) -> str:
    """Return the names of the tasks that were created or changed."""
    names = [answer.task.name for answer in answers if isinstance(answer, Accepted)]
    told = ", ".join(names[:NAMES_TOLD])
    left = len(names) - NAMES_TOLD
    return f"{told} and {left} more" if left > 0 else told
