"""The picture of curves: its ticks are round, and it is well-formed."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.bench.plot import Line, picture, ticks


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (10.0, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
        (1_000_000.0, [0.0, 2e5, 4e5, 6e5, 8e5, 1e6]),
        (0.7, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
    ],
)
def test_ticks_are_round_and_few(most: float, expected: list[float]) -> None:
    assert ticks(most) == expected


def test_the_picture_has_its_axes_named_and_a_line_each() -> None:
    drawn = picture("a < b", "seconds", "containers", [Line("x", [(0, 0), (5, 10)]), Line("y", [])])
    tree = ElementTree.fromstring(drawn)
    kinds = [element.tag.rpartition("}")[2] for element in tree.iter()]
    words = {element.text for element in tree.iter() if element.text and element.text.strip()}
    assert kinds.count("polyline") == 2
    assert {"a < b", "seconds", "containers", "x", "y"} <= words
