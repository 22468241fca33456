"""The tester is tested: whatever is broken on purpose, the simulation finds out."""

from __future__ import annotations

import pytest

from tests.simulation.broken_cores import VARIANTS, Variant
from tests.simulation.faults import draw_plan
from tests.simulation.history import Outcome, run

HISTORIES = 2_000


def first_found(variant: Variant) -> Outcome | None:
    """Return the first history in which the variant breaks a promise."""
    with variant.patched():
        for seed in range(HISTORIES):
            outcome = run(draw_plan(seed), variant.parts)
            if outcome.rule:
                return outcome
    return None


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_broken_core_is_found_out(variant: Variant) -> None:
    outcome = first_found(variant)

    assert outcome is not None, f"kept every promise in {HISTORIES} histories"
    assert outcome.rule != "raised", f"the variant does not fit the core: {outcome.sentence}"
    print(f"found in history {outcome.seed}: {outcome.sentence}")


def test_there_are_enough_of_them() -> None:
    assert len(VARIANTS) >= 15
