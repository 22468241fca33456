"""Going on with a log behind a mark: each line once, and what is gone is noticed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.core.log_marks import SLACK_NS, Progress, Resumption
from cube.model.logs import Mark

SECOND = 1_000_000_000


class Line(msgspec.Struct, frozen=True):
    """A line as the engine tells it; `text` tells two of the same moment apart."""

    at_ns: int
    stream: str = "stdout"
    text: str = ""


def marked(*lines: Line) -> Mark:
    """The mark behind these lines."""
    progress = Progress()
    progress.take(lines)
    return progress.mark


@st.composite
def logs(draw: st.DrawFn) -> list[Line]:
    """What a container may write: many lines of one moment, and two outputs a little out of order."""
    at = 100 * SECOND
    found = []
    for number in range(draw(st.integers(1, 30))):
        at += draw(st.sampled_from((0, 0, 1, 1000, SECOND)))
        stream = draw(st.sampled_from(("stdout", "stdout", "stderr")))
        found.append(Line(at, stream, str(number)))
    return found


@given(log=logs(), data=st.data())
def test_a_log_that_broke_off_anywhere_is_told_without_gap_or_repeat(
    log: list[Line], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(log)))
    resumption = Resumption(marked(*log[:cut]))
    again = [line for line in log if line.at_ns >= resumption.since_ns]
    size = data.draw(st.integers(1, 5))
    pieces = [again[at : at + size] for at in range(0, len(again), size)]

    assert [line for piece in pieces for line in resumption.unread(piece)] == log[cut:]
    assert not resumption.lost


def test_a_mark_counts_the_lines_of_its_moment() -> None:
    mark = marked(Line(5), Line(7), Line(7), Line(7, "stderr"), Line(8, "stderr"))

    assert mark == Mark(out_ns=7, out_lines=2, err_ns=8, err_lines=1)
    assert mark.newest_ns == 8


def test_a_run_has_marks_of_its_own() -> None:
    progress = Progress(Mark(restart=1, out_ns=7, out_lines=1))
    progress.begin_run(1)
    assert progress.mark.out_ns == 7
    progress.begin_run(2)
    assert progress.mark == Mark(restart=2)


def test_the_times_to_merge_by_never_decrease() -> None:
    progress = Progress(Mark(out_ns=4, out_lines=1))

    assert progress.take([Line(5), Line(3, "stderr"), Line(9)]) == [5, 5, 9]
    assert progress.take([Line(1)]) == [9]
    assert progress.latest == 9


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_log_whose_newest_told_line_is_gone_has_a_loss(stream: str) -> None:
    resumption = Resumption(marked(Line(4), Line(5, stream), Line(5, stream)))

    assert resumption.unread([Line(5, stream)]) == []
    assert not resumption.lost
    assert resumption.unread([Line(9), Line(10)]) == [Line(9), Line(10)]
    assert resumption.lost


def test_an_older_line_that_is_gone_is_no_loss() -> None:
    resumption = Resumption(marked(Line(1, "stderr"), Line(10)))

    assert resumption.unread([Line(10), Line(11, "stderr")]) == [Line(11, "stderr")]
    assert not resumption.lost


def test_what_an_output_wrote_before_the_end_of_a_tail_is_not_told_later() -> None:
    resumption = Resumption(marked(Line(10)))

    assert resumption.unread([Line(9, "stderr"), Line(10), Line(11)]) == [Line(11)]


def test_a_log_is_read_again_from_a_little_before_the_mark() -> None:
    assert Resumption(Mark(out_ns=9 * SECOND, out_lines=1)).since_ns == 9 * SECOND - SLACK_NS
    assert Resumption(Mark(out_ns=1, out_lines=1)).since_ns == 0


def test_a_clock_that_was_set_back_leaves_nothing_out() -> None:
    resumption = Resumption(marked(Line(10)))

    assert resumption.unread([Line(10), Line(12), Line(3)]) == [Line(12), Line(3)]
    assert resumption.unread([Line(4)]) == [Line(4)]
