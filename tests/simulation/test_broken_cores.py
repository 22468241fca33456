"""The tester is tested: whatever is broken on purpose, the simulation finds out."""

from __future__ import annotations

import pytest

from tests.simulation.broken_cores import VARIANTS
from tests.simulation.crowd import find_broken
from tests.simulation.history import Outcome

HISTORIES = 2_000


@pytest.fixture(scope="module")
def found() -> dict[str, Outcome | None]:
    """What each broken core was found out by; on all cores of the machine at once."""
    return dict(find_broken(VARIANTS, HISTORIES))


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_broken_core_is_found_out(name: str, found: dict[str, Outcome | None]) -> None:
    outcome = found[name]

    assert outcome is not None, f"kept every promise in {HISTORIES} histories"
    assert outcome.rule != "raised", f"the variant does not fit the core: {outcome.sentence}"
    print(f"found in history {outcome.seed}: {outcome.sentence}")


def test_there_are_enough_of_them() -> None:
    assert len(VARIANTS) >= 15
