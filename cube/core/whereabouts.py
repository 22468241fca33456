"""What a task may say about where it goes: rules of admission about extras and constraints."""

from __future__ import annotations

from collections.abc import Iterator

from cube.core import grammar
from cube.core.paths import at, number, shown
from cube.core.scheduler import constraints
from cube.errors import Objection
from cube.model.extras import DEVICE, MAX_DEVICES
from cube.model.spec import TaskSpec

MAX_CONSTRAINTS = 32
MAX_EXTRAS = 8
_CONSTRAINT_LENGTH = 256


def extras(spec: TaskSpec) -> Iterator[Objection]:
    """Object to kinds that are none, and to amounts that no replica can get."""
    if len(spec.extras_millis) > MAX_EXTRAS:
        yield Objection(
            "extras_millis", f"has {len(spec.extras_millis)} kinds; {MAX_EXTRAS} is the most"
        )
    for kind, millis in spec.extras_millis.items():
        path = at("extras_millis", kind)
        if not grammar.is_extra(kind):
            yield Objection(
                path, "is no kind of devices; use up to 32 of a-z, 0-9, '-', a letter first"
            )
        if not 1 <= millis <= MAX_DEVICES * DEVICE:
            yield Objection(
                path, f"is {number(millis)}; write 1 to {MAX_DEVICES * DEVICE} thousandths"
            )
        elif millis > DEVICE and millis % DEVICE:
            yield Objection(
                path,
                f"is {millis / DEVICE:g} devices; a replica gets a part of one, below 1, or whole ones",
            )


def constrained(spec: TaskSpec) -> Iterator[Objection]:
    """Object to a platform and to constraints that mean nothing. What no node can ever meet is accepted, and waits."""
    if spec.platform and not grammar.is_platform(spec.platform):
        yield Objection(
            "platform", f"{shown(spec.platform)} is no platform; write it like linux/arm64"
        )
    if len(spec.constraints) > MAX_CONSTRAINTS:
        yield Objection(
            "constraints", f"has {len(spec.constraints)} entries; {MAX_CONSTRAINTS} is the most"
        )
    for index, text in enumerate(spec.constraints[:MAX_CONSTRAINTS]):
        if why := _why_no_constraint(text):
            yield Objection(f"constraints[{index}]", why)


def _why_no_constraint(text: str) -> str:
    if len(text) > _CONSTRAINT_LENGTH or not text.isprintable():
        return f"is longer than {_CONSTRAINT_LENGTH} or has invisible characters; write it like zone==eu-1"
    try:
        constraints.parse(text)
    except ValueError as error:
        return str(error)
    return ""
