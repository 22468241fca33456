"""Many histories, on all cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator

from tests.simulation.faults import draw_plan
from tests.simulation.history import Outcome, run

AT_ONCE = 20  # histories per message between processes


def run_many(seeds: range, processes: int | None = None) -> Iterator[Outcome]:
    """Yield how each of these histories went, in no order. Ends early where the caller does."""
    count = processes or len(os.sched_getaffinity(0))
    # Spawned, not forked: a test runner may have threads, and a fork of those hangs now and then.
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        yield from pool.imap_unordered(_run_one, seeds, chunksize=AT_ONCE)


def _run_one(seed: int) -> Outcome:
    return run(draw_plan(seed))
