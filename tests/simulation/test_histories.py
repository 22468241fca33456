"""The promises of the whole system hold in every simulated history."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from tests.simulation.crowd import run_many
from tests.simulation.faults import draw_plan
from tests.simulation.history import run
from tests.simulation.shrink import shrink

HISTORIES = 2_000


@pytest.mark.slow
def test_every_promise_is_kept_in_every_history() -> None:
    broken = {one.seed: one.sentence for one in run_many(range(HISTORIES)) if one.rule}

    assert broken == {}, "tell one with: scripts/simulate --seed N"


TELLING = """
import hashlib
from tests.simulation.faults import draw_plan
from tests.simulation.history import run
story = [line for seed in range(10) for line in run(draw_plan(seed), told=True).story]
print(len(story), hashlib.sha256("\\n".join(story).encode()).hexdigest())
"""


@pytest.mark.slow
def test_a_number_is_one_history_in_every_process() -> None:
    story = [line for seed in range(10) for line in run(draw_plan(seed), told=True).story]
    text = "\n".join(story)
    here = f"{len(story)} {hashlib.sha256(text.encode()).hexdigest()}"
    for hash_seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", TELLING],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert told.stdout.strip() == here


def test_a_history_can_be_made_smaller() -> None:
    plan = draw_plan(8)
    assert len(plan.wishes) > 2

    smaller = shrink(plan, lambda other: len(other.wishes) >= 2)

    assert (len(smaller.wishes), smaller.deeds, smaller.air, smaller.hosts) == (2, (), {}, 1)
