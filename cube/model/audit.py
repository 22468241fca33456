"""AuditEntry: who did what, when, from where, and what became of it."""

from __future__ import annotations

import msgspec


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One act of somebody, or several denials of one kind as one. Holds no value of a secret or of `env`.

    `object` names what it was about as the caller named it, or the tasks it came to; `outcome` is the status of the
    answer. `revision` is that of the cluster with the act in it.
    """

    at_ms: int
    principal: str  # `token:7f3a`; empty: nobody knows who
    name: str = ""
    address: str = ""
    action: str  # the operation's id: `createTask`
    object: str = ""
    outcome: int
    revision: int = 0
    count: int = 1  # of denials that were summed
