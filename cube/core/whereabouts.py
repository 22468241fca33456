"""What a task may say about where it goes: rules of admission about extras, constraints and preferences."""

from __future__ import annotations

from collections.abc import Iterator

from cube.core import grammar
from cube.core.paths import at, number, shown
from cube.core.scheduler import constraints
from cube.core.scheduler.facts import FACTS
from cube.errors import Objection
from cube.model.extras import DEVICE, MAX_DEVICES
from cube.model.spec import Preference, TaskSpec

MAX_CONSTRAINTS = 32
MAX_EXTRAS = 8
MAX_PREFERENCES = 8
MAX_WEIGHT = 100
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


def preferred(spec: TaskSpec) -> Iterator[Objection]:
    """Object to what nothing can be spread over, and to preferences that mean nothing."""
    for field, entries in (("spread", spec.spread), ("prefer", spec.prefer)):
        if len(entries) > MAX_PREFERENCES:
            yield Objection(field, f"has {len(entries)} entries; {MAX_PREFERENCES} is the most")
    for index, spread in enumerate(spec.spread[:MAX_PREFERENCES]):
        path = f"spread[{index}]"
        if not grammar.is_label_key(spread.label):
            yield Objection(f"{path}.label", f"{shown(spread.label)} is no label")
        elif spread.label.startswith("node.") and spread.label not in FACTS:
            known = ", ".join(FACTS)
            yield Objection(f"{path}.label", f"is no fact of a node; there are {known}, and labels")
        if not 1 <= spread.weight <= MAX_WEIGHT:
            yield Objection(
                f"{path}.weight", f"is {number(spread.weight)}; write 1 to {MAX_WEIGHT}"
            )
    for index, preference in enumerate(spec.prefer[:MAX_PREFERENCES]):
        for step, why in _why_no_preference(preference, spec.name):
            yield Objection(f"prefer[{index}]{step}", why)


def _why_no_preference(preference: Preference, own_name: str) -> Iterator[tuple[str, str]]:
    if bool(preference.when) == bool(preference.near):
        yield "", 'needs either `when`, like "disk==ssd", or `near`, the name of a task'
    if preference.when and (why := _why_no_constraint(preference.when)):
        yield ".when", why
    if preference.near and not grammar.is_name(preference.near):
        yield ".near", f"{shown(preference.near)} is no task name"
    if preference.near == own_name:
        yield ".near", "is the task itself, whose replicas are kept apart; see max_per_node"
    if not preference.weight or abs(preference.weight) > MAX_WEIGHT:
        advice = f"write 1 to {MAX_WEIGHT}, or -{MAX_WEIGHT} to -1 for what it had better not be"
        yield ".weight", f"is {number(preference.weight)}; {advice}"


def _why_no_constraint(text: str) -> str:
    if len(text) > _CONSTRAINT_LENGTH or not text.isprintable():
        return f"is longer than {_CONSTRAINT_LENGTH} or has invisible characters; write it like zone==eu-1"
    try:
        constraints.parse(text)
    except ValueError as error:
        return str(error)
    return ""
