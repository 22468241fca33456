"""A concern: one thing that is wrong at present. Made by `core.attention`, never stored."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How bad it is, the worst first."""

    ERROR = "error"  # something asked for does not happen, and will not without help
    WARNING = "warning"  # works in part, or is being mended
    NOTICE = "notice"  # mostly by somebody's will; shown so that it is not forgotten


class Subject(StrEnum):
    """What a concern is about, the widest first."""

    MANAGER = "manager"
    NODE = "node"
    TASK = "task"


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `code` is for programs, `reason` one line for people."""

    severity: Severity
    code: str
    subject: Subject
    id: str = ""  # of the task or the node
    name: str = ""
    reason: str
    slot: int = 0  # the first slot it is about; 0: the whole
    slots: int = 0  # how many slots it is about
