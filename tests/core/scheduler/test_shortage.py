"""Missing amounts in words."""

from __future__ import annotations

import pytest

from cube.core.scheduler.shortage import Lack, lacks, shortage
from cube.model.resources import Resources
from tests.builders import GIB, MIB


def test_only_what_is_asked_and_missing_is_short() -> None:
    asked = Resources(cpu_millis=500, memory_bytes=GIB, disk_bytes=0)
    free = Resources(cpu_millis=600, memory_bytes=GIB - 1, disk_bytes=-5)
    assert shortage(asked, free) == Resources(memory_bytes=1)


@pytest.mark.parametrize(
    ("memory_bytes", "amount"),
    [
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (212 * MIB, "212 MiB"),
        (3 * GIB // 2, "1.5 GiB"),
        (GIB + 1, "1.1 GiB"),
        (212 * MIB + 1, "213 MiB"),
        (5 * 1024 * GIB, "5 TiB"),
    ],
)
def test_bytes_are_rounded_up_in_the_largest_unit_that_fits(memory_bytes: int, amount: str) -> None:
    assert lacks(Resources(memory_bytes=memory_bytes)) == [
        Lack("memory", amount, f"{amount} memory")
    ]


@pytest.mark.parametrize(
    ("cpu_millis", "amount"),
    [(1, "0.001 cores"), (250, "0.25 cores"), (1000, "1 core"), (1500, "1.5 cores")],
)
def test_cpu_is_told_in_cores(cpu_millis: int, amount: str) -> None:
    assert lacks(Resources(cpu_millis=cpu_millis)) == [Lack("cpu", amount, amount)]


def test_several_lacks_keep_the_order_cpu_memory_disk() -> None:
    assert [lack.full for lack in lacks(Resources(500, GIB, 2 * GIB))] == [
        "0.5 cores",
        "1 GiB memory",
        "2 GiB disk",
    ]
