"""Making a history that breaks a promise as small as it goes: fewer kinds of faults, fewer deeds, a shorter time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from tests.simulation.faults import Plan

TRIES = 400  # about half a minute


def shrink(plan: Plan, breaks: Callable[[Plan], bool], tries: int = TRIES) -> Plan:
    """Return a smaller plan that still breaks. Greedy: what can be left out is left out, until nothing can."""
    progress = True
    while progress and tries > 0:
        progress = False
        for smaller in _smaller(plan):
            tries -= 1
            if tries <= 0:
                break
            if breaks(smaller):
                plan, progress = smaller, True
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Yield what is worth trying, the largest cuts first."""
    for fault in sorted(plan.kinds):
        yield _without(plan, lambda other, fault=fault: other is fault)
    for share in (0.5, 0.75, 0.9):
        if plan.length > 2.0:
            yield _until(plan, plan.length * share)
    for field in ("deeds", "wishes"):
        steps = getattr(plan, field)
        for size in (len(steps) // 2, 1):
            for start in range(0, len(steps), max(1, size)):
                if size:
                    yield replace(plan, **{field: steps[:start] + steps[start + size :]})
    if plan.hosts > 1:
        yield replace(plan, hosts=plan.hosts - 1)


def _without(plan: Plan, left_out: Callable[..., bool]) -> Plan:
    air = {fault: rate for fault, rate in plan.air.items() if not left_out(fault)}
    deeds = tuple(deed for deed in plan.deeds if not left_out(deed.fault))
    return replace(plan, air=air, deeds=deeds)


def _until(plan: Plan, length: float) -> Plan:
    return replace(
        plan,
        length=length,
        deeds=tuple(deed for deed in plan.deeds if deed.at <= length),
        wishes=tuple(wish for wish in plan.wishes if wish.at <= length),
    )
