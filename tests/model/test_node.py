"""The question a node answers: whether it can be relied on now."""

from __future__ import annotations

from typing import Any

import pytest

from cube.model.node import Availability, Condition
from tests.builders import a_node


@pytest.mark.parametrize(
    ("fields", "ready"),
    [
        ({}, True),
        ({"availability": Availability.DRAINING}, True),
        ({"condition": Condition.SUSPECT}, False),
        ({"condition": Condition.LOST}, False),
        ({"runtime_error": "no engine"}, False),
    ],
    ids=str,
)
def test_a_node_is_ready_when_it_is_heard_and_its_engine_answers(
    fields: dict[str, Any], ready: bool
) -> None:
    assert a_node(**fields).ready is ready
