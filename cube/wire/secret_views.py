"""What people see of secrets: everything but what they are."""

from __future__ import annotations

from datetime import datetime

import msgspec


class SecretView(msgspec.Struct, frozen=True, kw_only=True):
    """A secret by its name, and the tasks that name it."""

    name: str
    version: int
    at: datetime
    used_by: tuple[str, ...] = ()
