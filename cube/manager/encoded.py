"""Tasks as the API shows them, in JSON, encoded once for as long as they stand as they do."""

from __future__ import annotations

import weakref

from cube.core.cluster import Cluster
from cube.core.roster import Roster, Slot
from cube.manager.views import task_view
from cube.model.allocation import Allocation, Phase
from cube.model.ids import TaskId
from cube.model.task import Task
from cube.wire.codec import encode_view

KEPT_BYTES = 32 * 2**20  # 50,000 tasks of one replica
PIECE_BYTES = 16 * 2**10  # of one task; many replicas change often, and would push the others out


class EncodedTasks:
    """What was encoded of each task, with what it was made of. Made anew when any of that has changed."""

    def __init__(self) -> None:
        self._pieces: dict[TaskId, tuple[Roster, int, bytes]] = {}
        self._bytes = 0
        self._names: tuple[weakref.ref[Cluster], int] | None = None

    def of(self, task: Task, cluster: Cluster, now_ms: int) -> bytes:
        """Return the view of a task of the cluster as it is now."""
        self._forget_other_names(cluster)
        roster = cluster.rosters[task.id]
        kept = self._pieces.get(task.id)
        if kept is not None and kept[0] is roster and kept[1] == roster.version:
            return kept[2]
        piece = encode_view(task_view(task, cluster, now_ms))
        self._drop(task.id)
        if len(piece) <= PIECE_BYTES and all(map(_lasts, roster.slots.values())):
            self._pieces[task.id] = (roster, roster.version, piece)
            self._bytes += len(piece)
        while self._bytes > KEPT_BYTES:
            self._drop(next(iter(self._pieces)))
        return piece

    def _forget_other_names(self, cluster: Cluster) -> None:
        """Views tell nodes by name, and clusters are built anew."""
        names = (weakref.ref(cluster), cluster.names_version)
        if names != self._names:
            self._pieces.clear()
            self._bytes, self._names = 0, names

    def _drop(self, task_id: TaskId) -> None:
        if (dropped := self._pieces.pop(task_id, None)) is not None:
            self._bytes -= len(dropped[2])


def _lasts(slot: Slot) -> bool:
    """Whether what is shown of the slot follows from the task alone: neither from the time nor from other tasks."""
    return all(map(_stands_alone, slot.every))


def _stands_alone(allocation: Allocation) -> bool:
    return not (
        allocation.awaits or allocation.observed.phase is Phase.EXITED  # `restart 5 in 12 s`
    )
