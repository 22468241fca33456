"""Amounts in words."""

from __future__ import annotations

import pytest

from cube.cli.words import SIGNS, cores, duration, sign, size
from cube.model.allocation import Phase
from cube.model.node import Availability, Condition
from cube.model.task import TaskState


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (0.9, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (9e5, "10d")],
)
def test_an_age_has_one_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (212 * 1024**2, "212 MiB"),
        (3 * 2**29, "1.5 GiB"),
        (2**52, "4096 TiB"),
    ],
)
def test_a_size_has_the_unit_that_leaves_at_least_one(amount: int, text: str) -> None:
    assert size(amount) == text


@pytest.mark.parametrize(
    ("millis", "text"), [(0, "0"), (500, "0.5"), (10_000, "10"), (125, "0.12")]
)
def test_cores(millis: int, text: str) -> None:
    assert cores(millis) == text


def test_every_state_that_can_be_shown_has_a_sign_of_its_own_kind() -> None:
    shown = {
        *(state.value for state in TaskState),
        *(phase.name.lower() for phase in Phase),
        *(condition.value for condition in Condition),
        *(availability.value for availability in Availability if availability != "active"),
    }

    assert shown <= SIGNS.keys()
    assert sign("running")[0] != sign("failed")[0], "not by colour alone"
