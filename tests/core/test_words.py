"""Amounts and times in words."""

from __future__ import annotations

import pytest

from cube.core.words import near, plural, seconds


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


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("wbe", ["web", "db", "website"], ["web"]),
        ("w9", ["w1", "w2", "x3"], ["w2", "w1"]),
        ("wroker", ["worker", "walker"], ["worker", "walker"]),
        ("nothing", ["web"], []),
        ("web", [], []),
        ("", ["web"], []),
    ],
)
def test_what_differs_by_little_may_have_been_meant(
    word: str, known: list[str], found: list[str]
) -> None:
    assert near(word, known) == found


def test_of_very_many_names_only_some_are_compared() -> None:
    alike = (f"web-{number:05}" for number in range(100_000))

    assert len(near("web-00001", alike)) == 3
    assert next(alike) < "web-99999", "the rest was not looked at"
