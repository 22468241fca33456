"""What follows the end of a run: another one here after a pause, or the end of the allocation."""

from __future__ import annotations

from hashlib import blake2s

import msgspec

from cube.model.allocation import Exit, Failure, FailureKind, Phase
from cube.model.ids import AllocationId
from cube.model.spec import RestartPolicy, TaskSpec
from cube.model.timing import Timing


class Again(msgspec.Struct, frozen=True, gc=False):
    """Another run is to follow here after a pause of so many seconds."""

    seconds: float


class Over(msgspec.Struct, frozen=True, gc=False):
    """Nothing of the allocation runs again: COMPLETED or FAILED, and the sentence why."""

    phase: Phase
    message: str = ""


Verdict = Again | Over


class Ended(msgspec.Struct, frozen=True, gc=False):
    """How a run ended. `failure` is set when cube ended it or its container vanished, and then outweighs `exit`."""

    exit: Exit | None = None
    failure: Failure | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself with code 0."""
        return self.failure is None and self.exit is not None and self.exit.code == 0

    def describe(self) -> str:
        """Return the words for a table."""
        if self.failure is not None:
            return self.failure.message
        return (
            self.exit.describe() if self.exit is not None else "ended, the engine does not say how"
        )


REMOVED_OUTSIDE = Ended(
    failure=Failure(FailureKind.REMOVED_OUTSIDE, "its container was removed outside cube")
)


def judge(
    spec: TaskSpec, ended: Ended, *, restarts: int, failures: int, timing: Timing, draw: float
) -> Verdict:
    """Return what follows this end. `restarts` counts those so far, `failures` the ends in a row with this one.

    Under `always` every end is one too many, so code 0 is paused for like any other.
    """
    if ended.succeeded and spec.restart is not RestartPolicy.ALWAYS:
        return Over(Phase.COMPLETED)
    if spec.restart is RestartPolicy.NEVER:
        return Over(Phase.FAILED, f"{ended.describe()}; its restart policy is never")
    if spec.max_restarts is not None and restarts >= spec.max_restarts:
        times = "1 restart" if restarts == 1 else f"{restarts} restarts"
        return Over(Phase.FAILED, f"gave up after {times}: {ended.describe()}")
    return Again(pause(timing.restart_first, timing.restart_longest, failures, draw))


def pause(first: float, longest: float, attempt: int, draw: float) -> float:
    """Return the seconds before the attempt after the n-th: doubling up to `longest`, the upper half drawn."""
    step = min(first * 2.0 ** min(attempt - 1, 62), longest)
    return step * (0.5 + draw / 2)


def steady_draw(id: AllocationId, restart: int) -> float:
    """Return a number in [0, 1) that is the same for the same run everywhere, and apart for different ones."""
    digest = blake2s(f"{id}/{restart}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / (1 << 48)
