"""The identities of things, as distinct types, and their text form."""

from __future__ import annotations

from typing import NewType

TaskId = NewType("TaskId", str)
"""A UUID in text, minted by the manager or brought by the user in the task file."""

NodeId = NewType("NodeId", str)
"""A UUID in text, minted by the worker at its first start and kept in its data directory."""

AllocationId = NewType("AllocationId", str)
"""`<task id>.<slot>.<generation>`: never given twice, so it needs no registry."""


def allocation_id(task_id: TaskId, slot: int, generation: int) -> AllocationId:
    """Return the identity of one stay of a slot."""
    return AllocationId(f"{task_id}.{slot}.{generation}")


def split_allocation_id(text: str) -> tuple[TaskId, int, int]:
    """Return (task, slot, generation). ValueError when the text is no allocation id."""
    task_id, slot, generation = text.rsplit(".", 2)
    return TaskId(task_id), int(slot), int(generation)


def slot_name(task_name: str, slot: int) -> str:
    """Return how people call a slot: `web.2`."""
    return f"{task_name}.{slot}"
