"""The gate lets a few begin, the urgent first, and gives each place that is left to the next."""

from __future__ import annotations

from functools import partial

from cube.worker.gate import Gate


def test_the_urgent_overtake_those_who_wait() -> None:
    begun: list[str] = []
    gate = Gate(1)
    for name, urgent in [("a", False), ("b", False), ("c", False), ("d", True)]:
        gate.enter(partial(begun.append, name), urgent=urgent)
    assert begun == ["a"]
    for _ in range(4):
        gate.leave()
    assert begun == ["a", "d", "b", "c"]


def test_a_place_that_nobody_waited_for_is_free_again() -> None:
    begun: list[str] = []
    gate = Gate(2)
    gate.enter(partial(begun.append, "a"), urgent=False)
    gate.leave()
    for name in ("b", "c", "d"):
        gate.enter(partial(begun.append, name), urgent=False)
    assert begun == ["a", "b", "c"]
