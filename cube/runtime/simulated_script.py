"""How the containers of simulated machines behave: start times and failures, drawn anew for each run and repeatable."""

from __future__ import annotations

from hashlib import blake2s

import msgspec

from cube.model.allocation import Exit
from cube.model.container import RunLabel
from cube.runtime.simulated_container import Behaviour

FAILED = Exit(1)
_START_TIMES = (
    256  # as many behaviours are made in advance, so that a container costs none of its own
)


class Chances(msgspec.Struct, frozen=True, kw_only=True):
    """What may happen to a run. Seconds, and a share of 1."""

    start_least: float = 0.0
    start_most: float = 0.0
    fail_share: float = 0.0  # of the runs: they end with exit code 1
    fail_after: float = 1.0
    seed: int = 0


class Script:
    """Draws the behaviour of each run from its allocation and its number: the same run, the same draw."""

    def __init__(self, chances: Chances) -> None:
        self._chances = chances
        self._key = chances.seed.to_bytes(8, signed=True)
        self._lasting = _behaviours(chances, exits_after=None)
        self._failing = _behaviours(chances, exits_after=chances.fail_after)

    def __call__(self, label: RunLabel) -> Behaviour:
        """Return how the container of this run behaves."""
        run = f"{label.allocation_id} {label.restart}".encode()
        drawn = int.from_bytes(blake2s(run, digest_size=8, key=self._key).digest())
        rest, place = divmod(drawn, _START_TIMES)
        fails = rest < self._chances.fail_share * (1 << 64) / _START_TIMES
        return (self._failing if fails else self._lasting)[place]


def _behaviours(chances: Chances, *, exits_after: float | None) -> list[Behaviour]:
    length = chances.start_most - chances.start_least
    return [
        Behaviour(
            start_seconds=chances.start_least + length * place / (_START_TIMES - 1),
            exits_after=exits_after,
            exit=FAILED,
        )
        for place in range(_START_TIMES)
    ]
