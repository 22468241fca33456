"""What a worker's report means for an allocation. Guards the rule that observed state only moves forward."""

from __future__ import annotations

from msgspec.structs import replace

from cube.model.allocation import Allocation, Observed, Phase


def observe(allocation: Allocation, observed: Observed) -> Allocation:
    """Return the allocation as it stands after the report; the very same object when it brings nothing new.

    Late, repeated and reordered reports bring nothing new. What has ended, or was written off, can only be
    removed; and a removal is believed whatever number it carries, because a worker that remembers nothing of an
    allocation still knows that nothing of it is there.
    """
    seen = allocation.observed
    if observed.phase is Phase.REMOVED:
        return (
            allocation if allocation.gone else replace(allocation, observed=_last(seen, observed))
        )
    if allocation.ended or observed.stamp <= seen.stamp:
        return allocation
    if seen.exit and observed.restart == seen.restart and seen.phase >= Phase.EXITED:
        observed = replace(observed, exit=seen.exit, failure=seen.failure)  # a run ends once
    return replace(allocation, observed=observed)


def noteworthy(before: Observed, after: Observed) -> bool:
    """Whether a restarted manager must know the difference: anything but progress and repetition."""
    if before.phase is not after.phase or before.restart != after.restart:
        return True  # nearly always: spares the comparison of copies
    return _lasting(before) != _lasting(after)


def _lasting(observed: Observed) -> Observed:
    return replace(observed, sequence=0, epoch=0, at_ms=0, message="")


def _last(seen: Observed, removed: Observed) -> Observed:
    """How it ended stays on record when the report of its removal no longer knows, or knows of an older run."""
    ended = seen.exit is not None and seen.phase >= Phase.EXITED  # before, it is of the run before
    if seen.phase is Phase.STOPPING:
        seen = replace(seen, failure=None)  # it hindered the removal, and does so no more
    if removed.restart < seen.restart or (removed.restart == seen.restart and ended):
        removed = replace(removed, restart=seen.restart, exit=None, failure=None, started_ms=0)
    return replace(
        removed,
        exit=removed.exit or seen.exit,
        failure=removed.failure or seen.failure,
        started_ms=removed.started_ms or seen.started_ms,
    )
