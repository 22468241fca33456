"""Marks in a URL."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from cube.model.logs import Mark
from cube.wire.log_marks import decode_marks, encode_marks

MARKS = {
    (1, 2): Mark(restart=3, out_ns=2**62, out_lines=7, err_ns=5, err_lines=1),
    (20, 1): Mark(out_ns=9, out_lines=1),
}


def test_marks_come_back_as_they_went() -> None:
    text = encode_marks(MARKS)

    assert text == f"1.2.3.{2**62}.7.5.1_20.1.0.9.1.0.0"
    assert decode_marks(text) == MARKS
    assert quote(text, safe="") == text


@pytest.mark.parametrize(
    "text",
    ["", "1.2.3", "1.2.3.4.5.6.7_", "1.2.3.4.5.6.x", "1.2.3.4.5.6.-7", "1.2.3.4.5.6.4294967296",
     "1.2.3.9223372036854775808.5.6.7", "1.2.3.4.5.6." + "7" * 5000],
)  # fmt: skip
def test_what_is_no_mark_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode_marks(text)
