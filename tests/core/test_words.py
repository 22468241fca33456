"""Amounts and times in words."""

from __future__ import annotations

import pytest

from cube.core.words import plural, seconds


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 ms"),
        (340, "340 ms"),
        (12_000, "12 s"),
        (119_400, "119 s"),
        (180_000, "3 min"),
        (7_200_000, "2 h"),
    ],
)
def test_a_length_of_time_has_the_unit_that_fits_it(milliseconds: int, words: str) -> None:
    assert seconds(milliseconds) == words


def test_one_is_not_many() -> None:
    assert (plural(1, "slot"), plural(2, "slot"), plural(0, "slot")) == (
        "1 slot",
        "2 slots",
        "0 slots",
    )
