"""The chain of the audit: whatever is changed, taken out or cut off is missed."""

from __future__ import annotations

import pytest

from cube.core.audit import BEGINNING, Kept, Link, Verdict, follow, link


def chain(count: int, anchor: Link = BEGINNING) -> list[Kept]:
    kept, at = [], anchor
    for number in range(count):
        body = b"entry %d" % number
        at = link(at, body)
        kept.append(Kept(at.number, body, at.hash))
    return kept


def head_of(kept: list[Kept]) -> Link:
    return Link(kept[-1].number, kept[-1].hash)


def test_a_chain_that_nobody_touched_is_whole() -> None:
    kept = chain(3)
    assert follow(BEGINNING, kept, head_of(kept)) == Verdict(3, 1, head_of(kept))


def test_an_empty_chain_is_whole() -> None:
    assert follow(BEGINNING, [], BEGINNING) == Verdict(0, 1, BEGINNING)


def test_a_chain_whose_beginning_was_forgotten_is_whole_from_there() -> None:
    kept = chain(5)
    assert follow(head_of(kept[:2]), kept[2:], head_of(kept)) == Verdict(3, 3, head_of(kept))


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (lambda kept: kept[:1] + [kept[1]._replace(body=b"x")] + kept[2:], "entry 2 is not what"),
        (lambda kept: kept[:1] + kept[2:], "entry 2 is missing"),
        (lambda kept: kept[1:], "entry 1 is missing"),
        (lambda kept: kept[:2], "entries 3 to 4 are missing"),
        (lambda kept: [*kept, *chain(1, head_of(kept))], "its end is another"),
        (lambda kept: [kept[1]._replace(number=1), kept[0], *kept[2:]], "entry 1 is not what"),
    ],
)
def test_what_was_done_to_it_is_named(edit: object, fault: str) -> None:
    kept = chain(4)
    assert fault in follow(BEGINNING, edit(kept), head_of(kept)).fault  # type: ignore[operator]


def test_an_end_of_the_same_length_with_another_link_is_named() -> None:
    kept = chain(2)
    assert "end is another" in follow(BEGINNING, kept, Link(2, b"x" * 32)).fault
