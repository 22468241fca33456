"""Identities and their text form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.model.ids import AllocationId, TaskId, allocation_id, slot_name, split_allocation_id

NUMBERS = st.integers(min_value=1, max_value=10**9)


def test_an_allocation_id_names_task_slot_and_generation() -> None:
    assert allocation_id(TaskId("t"), 2, 7) == AllocationId("t.2.7")


@given(st.text(), NUMBERS, NUMBERS)
def test_an_allocation_id_is_taken_apart_as_it_was_made(
    task_id: str, slot: int, generation: int
) -> None:
    text = allocation_id(TaskId(task_id), slot, generation)
    assert split_allocation_id(text) == (task_id, slot, generation)


@pytest.mark.parametrize("text", ["", "web", "web.1", "web.1.x", "web.x.1", "web.1."])
def test_a_text_that_is_no_allocation_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        split_allocation_id(text)


def test_people_call_a_slot_by_task_and_number() -> None:
    assert slot_name("web", 2) == "web.2"
