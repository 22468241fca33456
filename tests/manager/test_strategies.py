"""Strategies that come from elsewhere."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from cube.core.scheduler.binpack import binpack
from cube.core.scheduler.strategies import STRATEGIES
from cube.errors import CubeError
from cube.manager.strategies import check, installed, with_entries


def entry(name: str, value: str = "cube.core.scheduler.binpack:binpack") -> EntryPoint:
    return EntryPoint(name=name, value=value, group="cube.strategies")


def test_a_package_adds_a_strategy_under_the_name_of_its_entry_point() -> None:
    assert with_entries([entry("tight")]) == {**STRATEGIES, "tight": binpack}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (entry("spread"), "has a name that is taken"),
        (entry("tight", "no.such.module:f"), "cannot be loaded"),
        (entry("tight", "cube.core.scheduler.binpack:none"), "cannot be loaded"),
        (entry("tight", "cube.core.scheduler.node_states:STATES"), "not a function"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(broken: EntryPoint, message: str) -> None:
    with pytest.raises(CubeError, match=message):
        with_entries([broken])


def test_a_strategy_that_does_not_exist_is_refused_with_the_list() -> None:
    check("spread")
    with pytest.raises(CubeError, match="no strategy 'greedy'") as refused:
        check("greedy")
    assert "binpack" in refused.value.hint
    assert set(installed()) >= set(STRATEGIES)
