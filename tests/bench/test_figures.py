"""The arithmetic behind the figures that scripts/bench prints."""

from __future__ import annotations

from math import isnan

from tests.bench.figures import latency_rows, percentile, table


def test_a_percentile_is_a_sample_that_was_seen() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(number) for number in range(1, 101)], 0.99) == 99.0


def test_the_percentile_of_one_sample_is_that_sample() -> None:
    assert percentile([7.0], 0.5) == percentile([7.0], 0.99) == 7.0


def test_nothing_measured_is_no_number() -> None:
    assert isnan(percentile([], 0.5))


def test_ratios_are_over_the_named_row() -> None:
    rows = latency_rows({"engine": [0.2, 0.2], "cube": [0.3, 0.3]}, over="engine")

    assert rows == [
        ("engine", "2", "200.0", "200.0", "1.00", "1.00"),
        ("cube", "2", "300.0", "300.0", "1.50", "1.50"),
    ]


def test_columns_of_a_table_are_aligned() -> None:
    assert table(("a", "bc"), [("long", "1")]).splitlines() == [
        "| a    | bc |",
        "|------|----|",
        "| long | 1  |",
    ]
