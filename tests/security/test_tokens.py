"""Tokens as people carry them: what is one, what fits what is on record, and that none is printed by accident."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.security import tokens

GOOD = tokens.mint()


def test_what_was_minted_is_read_back() -> None:
    assert tokens.parse(GOOD.text()) == GOOD
    assert GOOD.text().startswith("cube1_") and len(GOOD.secret) * 4 == 256


def test_no_two_are_alike() -> None:
    assert len({tokens.mint().text() for _ in range(100)}) == 100


@pytest.mark.parametrize("at", range(len(GOOD.text())))
def test_a_letter_changed_anywhere_makes_it_none(at: int) -> None:
    text = GOOD.text()
    other = "1" if text[at] == "0" else "0"
    assert tokens.parse(text[:at] + other + text[at + 1 :]) is None


@given(st.text())
def test_anything_else_is_none(text: str) -> None:
    assert tokens.parse(text) is None


def test_it_fits_its_own_digest_only() -> None:
    assert tokens.fits(GOOD, GOOD.digest)
    assert not tokens.fits(GOOD, tokens.mint().digest)
    assert not tokens.fits(GOOD, None)


def test_its_words_do_not_hold_the_secret() -> None:
    assert GOOD.secret not in repr(GOOD) + str(GOOD) + f"{GOOD}"


@pytest.mark.parametrize(
    ("header", "found"),
    [("Bearer x", "x"), ("bearer  x ", "x"), ("Basic x", None), ("", None), ("Bearer", "")],
)
def test_a_header_of_another_scheme_carries_none(header: str, found: str | None) -> None:
    assert tokens.bearer(header) == found
