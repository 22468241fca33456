"""Which nodes have an image: a column that follows what they tell, and none where it tells none apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cube.core.images import NAMES_AT_MOST
from cube.core.scheduler.presence import Presence

ROWS = 4


def absent(presence: Presence, image: str = "a", rows: int = ROWS) -> list[bool] | None:
    column = presence.absent(image, rows)
    return None if column is None else column.tolist()


def test_a_node_that_tells_of_an_image_has_it_until_it_tells_otherwise() -> None:
    presence = Presence()
    presence.put(1, ("a", "b"))
    assert absent(presence) == [True, False, True, True]
    presence.put(2, ("a",))
    assert absent(presence) == [True, False, False, True]
    presence.put(1, ("b",))
    assert absent(presence) == [True, True, False, True]
    assert absent(presence, "b") == [True, False, True, True]


def test_what_no_node_has_or_every_node_has_tells_none_apart() -> None:
    presence = Presence()
    assert absent(presence) is None
    for row in range(ROWS):
        presence.put(row, ("a",))
    assert absent(presence) is None
    presence.forget(0)
    assert absent(presence) == [True, False, False, False]


def test_a_row_that_joins_later_is_looked_at_as_well() -> None:
    presence = Presence()
    presence.put(0, ("a",))
    assert absent(presence, rows=2) == [False, True]
    presence.put(2, ("a",))
    assert absent(presence, rows=3) == [False, True, False]


def test_what_a_worker_claims_beyond_the_bound_is_not_kept() -> None:
    presence = Presence()
    presence.put(0, [str(number) for number in range(NAMES_AT_MOST + 1)])
    assert absent(presence, str(NAMES_AT_MOST - 1)) is not None
    assert absent(presence, str(NAMES_AT_MOST)) is None


def test_an_excerpt_knows_one_image_and_is_its_own() -> None:
    presence = Presence()
    presence.put(0, ("a", "b"))
    copy = presence.excerpt("a")
    copy.put(1, ("a",))
    assert absent(copy) == [False, False, True, True]
    assert absent(copy, "b") is None
    assert absent(presence) == [False, True, True, True]


told = st.lists(st.tuples(st.integers(0, ROWS - 1), st.sets(st.sampled_from("abc"))), max_size=12)


@given(told)
def test_the_column_is_what_was_told_last(changes: list[tuple[int, set[str]]]) -> None:
    presence, known = Presence(), dict.fromkeys(range(ROWS), frozenset[str]())
    for row, images in changes:
        presence.put(row, sorted(images))
        known[row] = frozenset(images)
        for image in "abc":
            there = [image in known[number] for number in range(ROWS)]
            told_apart = any(there) and not all(there)
            assert absent(presence, image) == ([not one for one in there] if told_apart else None)
