"""Logs of several sources as one: in order, bounded, and never held up for long."""

from __future__ import annotations

from struct import pack

from hypothesis import given
from hypothesis import strategies as st

from cube.core.log_merge import (
    HOLD_SECONDS,
    LEAST_BYTES,
    PATIENCE_SECONDS,
    ROOM_BYTES,
    Merge,
)
from cube.model.logs import Batch


def batch(*lines: tuple[int, str]) -> Batch:
    times = [time for time, _ in lines]
    body = "".join(f"{text}\n" for _, text in lines).encode()
    return Batch(pack(f"<{len(times)}q", *times), body)


def numbered(*times: int, name: str = "") -> Batch:
    """A line for each time, that says it."""
    return batch(*((time, f"{name}{time}") for time in times))


def merging(*names: str, live: bool = False) -> Merge:
    merge = Merge()
    for name in names:
        merge.open(name, 0.0)
        if live:
            merge.catch_up(name)
    return merge


def test_what_was_written_is_in_exact_order() -> None:
    merge = merging("a", "b")
    merge.put("a", numbered(1, 4, 6), 0.0)
    assert merge.take(1.0) == b""
    merge.put("b", numbered(2, 5), 1.0)
    assert merge.take(1.0) == b"1\n2\n4\n5\n"
    merge.end("b")
    assert merge.take(1.0) == b"6\n"
    assert merge.empty


@given(
    st.lists(st.lists(st.integers(0, 20), max_size=12).map(sorted), min_size=1, max_size=4),
    st.integers(1, 4),
)
def test_sources_that_tell_all_are_merged_whatever_their_batches(
    logs: list[list[int]], size: int
) -> None:
    names = [str(place) for place in range(len(logs))]
    merge = merging(*names)
    found = b""
    for at in range(0, 12, size):
        for name, log in zip(names, logs, strict=True):
            if part := log[at : at + size]:
                merge.put(name, batch(*((time, f"{time} {name}") for time in part)), 0.0)
        found += merge.take(0.0)
    for name in names:
        merge.end(name)
    found += merge.take(0.0)

    told = [line.split() for line in found.decode().splitlines()]
    assert [int(time) for time, _ in told] == sorted(time for log in logs for time in log)
    for name, log in zip(names, logs, strict=True):
        assert [int(time) for time, source in told if source == name] == log
    assert merge.empty


def test_lines_of_one_moment_keep_the_order_of_their_source() -> None:
    merge = merging("a", "b")
    merge.put("a", batch((1, "a1"), (5, "a2"), (5, "a3")), 0.0)
    merge.put("a", batch((5, "a4"), (7, "a5")), 0.0)
    merge.put("b", batch((5, "b1"), (9, "b2")), 0.0)

    told = merge.take(0.0).split()
    assert [line for line in told if line.startswith(b"a")] == [b"a1", b"a2", b"a3", b"a4", b"a5"]


def test_one_that_is_silent_holds_the_others_up_for_a_moment_only() -> None:
    merge = merging("a", "b", live=True)
    merge.put("a", numbered(1), 10.0)
    assert merge.take(10.0) == b""
    assert merge.due(10.0) == 10.0 + HOLD_SECONDS
    assert merge.take(10.0 + HOLD_SECONDS) == b"1\n"
    assert merge.due(11.0) is None


def test_what_comes_within_the_moment_is_put_in_order() -> None:
    merge = merging("a", "b", live=True)
    merge.put("a", numbered(2, 9), 10.0)
    merge.put("b", numbered(1, 3), 10.1)
    assert merge.take(10.1) == b"1\n2\n3\n"
    assert merge.take(10.0 + HOLD_SECONDS) == b"9\n"


def test_one_source_is_never_held() -> None:
    merge = merging("a", live=True)
    merge.put("a", numbered(1, 2), 10.0)
    assert merge.take(10.0) == b"1\n2\n"


def test_one_that_reads_what_was_written_is_waited_for_with_patience() -> None:
    merge = merging("a", "b")
    merge.catch_up("a")
    merge.put("a", numbered(1), 1.0)
    assert merge.take(1.0 + HOLD_SECONDS) == b""
    assert merge.due(1.0) == PATIENCE_SECONDS
    assert merge.take(PATIENCE_SECONDS) == b"1\n"


def test_a_flood_is_not_slowed_down_to_wait_for_one_that_is_silent() -> None:
    merge = merging("a", "b", live=True)
    line = "x" * (ROOM_BYTES // 4)
    merge.put("a", batch((1, line)), 10.0)
    assert (merge.take(10.0), merge.full("a")) == (b"", False)
    merge.put("a", batch((2, line)), 10.0)
    assert merge.full("a")
    assert len(merge.take(10.0)) == 2 * len(line) + 2
    assert not merge.full("a")


def test_sources_that_take_turns_are_passed_on_uncut() -> None:
    merge = merging("a", "b")
    # No lines at all: what is not looked at may be anything.
    merge.put("a", Batch(numbered(1, 2).packed, b"first"), 0.0)
    merge.put("b", Batch(numbered(3, 4).packed, b"second"), 0.0)
    merge.end("a")
    merge.end("b")
    assert merge.take(0.0) == b"firstsecond"


def test_a_source_that_broke_off_goes_on_when_it_is_opened_again() -> None:
    merge = merging("a", "b", live=True)
    merge.put("a", numbered(1, 5), 0.0)
    merge.end("a")
    merge.end("a")
    merge.put("b", numbered(3), 0.0)
    assert merge.take(0.0) == b"1\n3\n"
    merge.open("a", 0.1)
    merge.put("b", numbered(8), 0.1)
    assert merge.take(0.1) == b"5\n"
    merge.put("a", numbered(7), 0.1)
    merge.catch_up("a")
    assert merge.take(0.1 + HOLD_SECONDS) == b"7\n8\n"


def test_the_room_is_shared_by_all_sources_and_each_has_some() -> None:
    names = [str(place) for place in range(200)]
    merge = merging(*names)
    merge.put("0", batch((1, "x" * LEAST_BYTES)), 0.0)
    merge.put("1", batch((1, "x" * (LEAST_BYTES // 2))), 0.0)
    assert (merge.full("0"), merge.full("1")) == (True, False)


def test_one_that_is_gone_is_not_full() -> None:
    assert not merging().full("a")
