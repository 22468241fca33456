"""What may differ between a page and what a command prints, and what may not."""

from __future__ import annotations

import pytest

from tests.docs.likeness import difference


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("restart 5 in 12 s", "restart 1 in 0.5 s"),
        ("heard: 579 ms ago", "heard: 1m 5s ago"),
        ("web  12s  w1", "web  1.5 s  w1"),
        ("NAME  STATE", "NAME     STATE   "),
        ("id: 5574d66d-bb3d-4ed8-a821-800401c0c6a4", "id: 00000000-1111-4ed8-a821-ffffffffffff"),
        ("container 658fcdf7e116 ended", "container 1111111111 ended"),
        ("replaced-20261122T180326.702Z", "replaced-20270101T000000Z"),
        ("2026-11-22 21:17:30.707  node.lost", "2027-01-01 00:00:00.1  node.lost"),
        ("state in ...", "state in a directory"),
    ],
)
def test_numbers_ids_times_durations_and_blanks_stand_for_any_other(
    shown: str, printed: str
) -> None:
    assert difference([shown], f"{printed}\n") == ""


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("web is running", "web is pending"),
        ("web.1 on w1", "web.1 on w2"),
        ("restart 5", "restart"),
        ("a.b", "axb"),
        ("deadline", "deadbeef"),
    ],
)
def test_words_and_names_are_held_to(shown: str, printed: str) -> None:
    assert difference([shown], f"{printed}\n") == f"the page shows, and it did not come: {shown}"


def test_lines_come_in_order() -> None:
    assert difference(["a", "b"], "a\nb\n") == ""
    assert difference(["a", "b"], "b\na\n") == "the page shows, and it did not come: a"


def test_a_line_of_dots_stands_for_any_number_of_lines() -> None:
    for printed in ("a\nz\n", "a\nb\nz\n", "a\nb\nc\nz\n"):
        assert difference(["a", "...", "z"], printed) == ""
    assert difference(["...", "z"], "a\n") == "the page shows, and it did not come: z"


def test_nothing_is_printed_that_the_page_does_not_show() -> None:
    assert difference(["a"], "a\nb\n") == "more was printed than the page shows"
    assert difference([], "") == ""
    assert difference([], "a\n") == "more was printed than the page shows"
