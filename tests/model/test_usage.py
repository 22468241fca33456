"""What two readings of a counter say."""

from __future__ import annotations

import pytest

from cube.model.usage import Consumption, cpu_millis


def reading(cpu_ns: int, at_ns: int) -> Consumption:
    return Consumption(cpu_ns=cpu_ns, at_ns=at_ns, memory_bytes=0)


@pytest.mark.parametrize(
    ("before", "after", "millis"),
    [
        (reading(0, 0), reading(500_000_000, 1_000_000_000), 500),
        (reading(0, 0), reading(4_000_000_000, 2_000_000_000), 2000),
        (reading(9, 0), reading(9, 1_000), 0),
        (reading(9, 0), reading(2, 1_000), 0),  # it began anew
        (reading(0, 5), reading(9, 5), 0),  # no time has passed
    ],
)
def test_two_readings_make_a_rate(before: Consumption, after: Consumption, millis: int) -> None:
    assert cpu_millis(before, after) == millis
