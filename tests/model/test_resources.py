"""Amounts of a machine: what they sum to, and what fits where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.model.resources import NOTHING, Resources

AMOUNTS = st.builds(
    Resources,
    cpu_millis=st.integers(0, 10**6),
    memory_bytes=st.integers(0, 2**50),
    disk_bytes=st.integers(0, 2**50),
)


def test_amounts_are_added_and_subtracted_kind_by_kind() -> None:
    assert Resources(1, 2, 3) + Resources(10, 20, 30) == Resources(11, 22, 33)
    assert Resources(11, 22, 33) - Resources(10, 20, 30) == Resources(1, 2, 3)


@given(AMOUNTS, AMOUNTS)
def test_what_was_added_can_be_taken_away_again(first: Resources, second: Resources) -> None:
    assert first + second - second == first
    assert first.fits(first + second)


@pytest.mark.parametrize(
    "short", [Resources(9, 10, 10), Resources(10, 9, 10), Resources(10, 10, 9)]
)
def test_an_amount_does_not_fit_where_one_kind_is_short(short: Resources) -> None:
    assert not Resources(10, 10, 10).fits(short)


def test_an_amount_fits_where_exactly_so_much_is_left() -> None:
    assert Resources(10, 10, 10).fits(Resources(10, 10, 10))


def test_what_is_not_asked_for_fits_even_where_nothing_is_left() -> None:
    over_committed = Resources(-1, -1, -1)
    assert NOTHING.fits(over_committed)
    assert Resources(cpu_millis=1).fits(Resources(1, -1, -1))
