"""Lines that travel together."""

from __future__ import annotations

from struct import pack

from cube.model.logs import Batch, Mark


def test_a_batch_tells_its_times_and_lines() -> None:
    batch = Batch(pack("<3q", 3, 5, 2**62), b"one\ntwo\nthree\n")

    assert (batch.first, batch.last, batch.times) == (3, 2**62, (3, 5, 2**62))
    assert batch.lines == [b"one", b"two", b"three"]


def test_the_newest_line_is_that_of_either_output() -> None:
    assert Mark(out_ns=1, out_lines=1, err_ns=2, err_lines=1).newest_ns == 2
    assert Mark().newest_ns == 0
