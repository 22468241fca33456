"""One copy of what is told to many, and what becomes of a reader that falls behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cube.manager.journal import CHUNK_BYTES, Journal, Overtaken


def a_journal(*messages: bytes, items: int = 100, size: int = 10**6) -> Journal:
    journal = Journal(items=items, size=size)
    journal.append(messages)
    return journal


def test_a_reader_gets_everything_from_its_number_on() -> None:
    journal = a_journal(b"a", b"b", b"c")
    assert journal.read(1) == (b"abc", 4)
    assert journal.read(2) == (b"bc", 4)
    journal.append([b"d"])
    assert journal.read(4) == (b"d", 5)


def test_all_who_keep_up_read_the_very_same_bytes() -> None:
    journal = a_journal(b"a", b"b")
    assert journal.read(1)[0] is journal.read(1)[0]


def test_what_was_added_since_comes_with_the_next_reading() -> None:
    journal = a_journal(b"a")
    journal.read(1)
    journal.append([b"b"])
    data, number = journal.read(1)
    while number != journal.end:
        more, number = journal.read(number)
        data += more
    assert data == b"ab"


def test_much_is_read_in_pieces_and_one_large_message_whole() -> None:
    half, large = b"x" * (CHUNK_BYTES // 2), b"y" * (CHUNK_BYTES * 2)
    journal = a_journal(half, half, large)
    assert [len(journal.read(1)[0]), len(journal.read(3)[0])] == [CHUNK_BYTES, CHUNK_BYTES * 2]


@pytest.mark.parametrize("bounds", [{"items": 2}, {"size": 2}], ids=str)
def test_the_oldest_goes_beyond_a_number_and_a_size(bounds: dict[str, int]) -> None:
    journal = a_journal(b"a", b"b", b"c", **bounds)
    assert journal.read(2) == (b"bc", 4)
    with pytest.raises(Overtaken):
        journal.read(1)


def test_the_newest_stays_however_large_it_is() -> None:
    journal = a_journal(b"a", b"x" * 100, size=10)
    assert journal.read(2) == (b"x" * 100, 3)


def test_a_number_that_was_never_given_is_not_held() -> None:
    journal = a_journal(b"a")
    assert [journal.holds(number) for number in (0, 1, 2, 3)] == [False, True, True, False]


def test_after_starting_over_nobody_reads_on() -> None:
    journal = a_journal(b"a")
    before = journal.end
    journal.start_over()
    with pytest.raises(Overtaken):
        journal.read(before)
    assert journal.holds(journal.end)


async def test_a_reader_is_woken_by_news_by_a_new_start_and_by_the_end() -> None:
    journal = a_journal()
    happenings: tuple[tuple[Callable[[], None], bool], ...] = (
        (lambda: journal.append([b"a"]), True),
        (journal.start_over, True),
        (journal.close, False),
    )
    for happen, comes in happenings:
        waiting = asyncio.create_task(journal.news(journal.end))
        await asyncio.sleep(0)
        happen()
        assert await waiting is comes


async def test_a_closed_journal_is_read_to_its_end() -> None:
    journal = a_journal(b"a")
    journal.close()
    assert await journal.news(1)
    assert not await journal.news(2)
