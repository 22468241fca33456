"""Whoever is displaced was of a lower priority than the one that asked for it."""

from __future__ import annotations

from collections.abc import Iterator

from cube.core.cluster import Cluster
from cube.core.effects import Writes
from cube.model.event import EventKind
from cube.model.ids import split_allocation_id


def undue(writes: Writes, cluster: Cluster) -> Iterator[str]:
    """Yield what is wrong with the displacements of one decision."""
    stopped = {
        (event.task_id, event.slot, event.generation)
        for event in writes.events
        # Trouble with its removal is told under the same kind, later.
        if event.kind is EventKind.ALLOCATION_STOPPING and event.message.startswith("displaced by")
    }
    for one in writes.allocations.values():
        if one is None or one.displaced_by is None:
            continue
        if (one.task_id, one.slot, one.generation) not in stopped:
            continue  # displaced by an earlier decision
        task = cluster.tasks[one.task_id].spec
        other = cluster.tasks[split_allocation_id(one.displaced_by)[0]].spec
        if not other.preempt or other.priority <= task.priority:
            yield (
                f"{one.id} (priority {task.priority}) is displaced by {one.displaced_by} "
                f"(priority {other.priority}, preempt {other.preempt})"
            )
