"""Many histories, on all cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from functools import partial

from tests.simulation.broken_cores import VARIANTS
from tests.simulation.faults import draw_plan
from tests.simulation.history import Outcome, run

AT_ONCE = 20  # histories per message between processes


def run_many(seeds: range, processes: int | None = None) -> Iterator[Outcome]:
    """Yield how each of these histories went, in no order. Ends early where the caller does."""
    count = processes or len(os.sched_getaffinity(0))
    # Spawned, not forked: a test runner may have threads, and a fork of those hangs now and then.
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        yield from pool.imap_unordered(_run_one, seeds, chunksize=AT_ONCE)


def find_broken(names: Iterable[str], histories: int) -> Iterator[tuple[str, Outcome | None]]:
    """Yield, in no order, the first of so many histories in which each of these broken cores breaks a promise."""
    count = len(os.sched_getaffinity(0))
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        yield from pool.imap_unordered(partial(_first_broken, histories=histories), names)


def _first_broken(name: str, histories: int) -> tuple[str, Outcome | None]:
    variant = VARIANTS[name]
    with variant.patched():
        for seed in range(histories):
            outcome = run(draw_plan(seed), variant.parts)
            if outcome.rule:
                return name, outcome
    return name, None


def _run_one(seed: int) -> Outcome:
    return run(draw_plan(seed))
