"""The arithmetic of the placement benchmark, on traces small enough to count by hand."""

from __future__ import annotations

import pytest

from cube.core.scheduler.strategies import STRATEGIES
from tests.bench import traces
from tests.bench.placement import allocation, needed, refused
from tests.bench.traces import Host, Request, Slice

HOST = Host("host", 10, 10)
FIT, SPREAD = STRATEGIES["fit"], STRATEGIES["spread"]


def hosts(count: int) -> list[Host]:
    return [HOST._replace(name=f"host-{number}") for number in range(count)]


def test_the_bound_is_the_peak_of_what_is_there_at_once() -> None:
    sizes = [Request(6, 1), Request(6, 1), Request(1, 9)]
    assert Slice(sizes, [0, 1, 2]).bound(HOST) == 2
    assert Slice(sizes, [0, ~0, 1, ~1, 2]).bound(HOST) == 1


def test_small_ones_on_every_host_block_a_large_one() -> None:
    part = Slice([Request(1, 1), Request(1, 1), Request(10, 10)], [0, 1, 2])
    assert part.bound(HOST) == 2
    assert refused(part, hosts(2), FIT) == []
    assert refused(part, hosts(2), SPREAD) == [Request(10, 10)]
    assert (needed(part, HOST, FIT), needed(part, HOST, SPREAD)) == (2, 3)


def test_what_has_gone_makes_room() -> None:
    part = Slice([Request(10, 10), Request(10, 10)], [0, ~0, 1])
    assert refused(part, hosts(1), FIT) == []


def test_allocation_is_read_as_each_share_of_the_devices_has_been_asked_for() -> None:
    machine = Host("host", 10, 10, gpus=2)
    asked = [Request(1, 1, 500)] * 3 + [Request(9, 1, 500)] * 3
    # Three halves of two devices; then none for lack of cpu.
    assert allocation([machine], asked, FIT) == [75.0] * 5


def test_arrivals_ask_for_more_than_there_is_and_follow_from_the_seed() -> None:
    recorded = [Request(1, 1, 500), Request(1, 1)]
    drawn = traces.arrivals(recorded, gpus=4, seed=42)
    assert sum(request.gpu_millis for request in drawn) == 5500
    assert drawn == traces.arrivals(recorded, gpus=4, seed=42)


def test_missing_data_is_said_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBE_TRACES", "/nonexistent")
    with pytest.raises(SystemExit, match=r"no trace data at /nonexistent: set CUBE_TRACES"):
        traces.folder()
