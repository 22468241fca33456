"""Relief: an allocation that takes over a slot from one that works, which stops when the other is ready and not before.

It is started on another node while the first runs on, and has the next generation, so the order of the two is never in
doubt. Until it takes over it counts for nothing: the slot stands as the first does. Whatever ends the first before that
makes the relief its successor; whatever spoils the relief leaves the first where it is.
"""

from __future__ import annotations

from cube.core.changes import Avoid, Change, Unassign
from cube.core.cluster import Cluster
from cube.core.roster import Slot, Standing
from cube.core.story import how_it_ended
from cube.model.allocation import Allocation, Phase
from cube.model.spec import OnDisconnect, TaskSpec
from cube.model.task import Task
from cube.model.timing import Instant, Timing


def may_be_relieved(spec: TaskSpec) -> bool:
    """Whether two containers of one slot may run beside each other for a while.

    Not those that promise to run once, and not two writers of the same files.
    """
    read_only = all(volume.shared and volume.read_only for volume in spec.volumes)
    return read_only and spec.on_disconnect is OnDisconnect.KEEP


def settle_relief(
    cluster: Cluster, task: Task, slot: Slot, timing: Timing, now: Instant
) -> list[Change]:
    """Return the end of a relief that has become due: it takes over, or it is given up. Nothing while it gets ready."""
    relief, latest = slot.relief, slot.latest
    if relief is None or latest is None:
        return []
    if _takes_over(slot, relief, task):
        return [Unassign(latest.id, _farewell(cluster, relief, latest))]
    if why := _given_up(cluster, task, slot, relief, latest):
        return [Unassign(relief.id, why)]
    if trouble := _trouble(relief, timing):
        until = now.monotonic + timing.avoid_node
        return [
            Avoid(task.id, slot.number, relief.node_id, until, trouble),
            Unassign(relief.id, trouble),
        ]
    return []


def _takes_over(slot: Slot, relief: Allocation, task: Task) -> bool:
    unwanted = slot.standing is Standing.UNWANTED
    if unwanted or relief.template_revision < task.template_revision:
        return False
    if relief.ready or relief.observed.phase is Phase.COMPLETED:
        return True
    return slot.standing is Standing.FAILED and not relief.ended


def _farewell(cluster: Cluster, relief: Allocation, latest: Allocation) -> str:
    target = cluster.nodes[relief.node_id].name
    if latest.observed.phase is Phase.FAILED:
        return f"{how_it_ended(latest.observed)}; goes on on {target}"
    return f"its node is draining; {target} has taken over"


def _given_up(
    cluster: Cluster, task: Task, slot: Slot, relief: Allocation, latest: Allocation
) -> str:
    """Return why a relief is not wanted any more; empty while it is."""
    if slot.standing is Standing.UNWANTED:
        return "its slot is not wanted any more"
    if relief.template_revision < task.template_revision:
        return f"replaced by revision {task.template_revision}"
    if latest.observed.phase is Phase.COMPLETED:
        return "the one it was to relieve has completed"
    if latest.node_id not in cluster.draining:
        return "the one it was to relieve stays: its node is open again"
    if relief.node_id in cluster.draining:
        return "its own node is draining"
    return ""


def _trouble(relief: Allocation, timing: Timing) -> str:
    """Return what keeps it from ever getting ready there; empty where it still may."""
    seen = relief.observed
    if seen.phase.ended:
        return how_it_ended(seen) or "it has ended"
    if seen.phase is Phase.EXITED and seen.failures_in_row >= timing.move_after_failures:
        return f"failed {seen.failures_in_row} times in a row, {how_it_ended(seen)}"
    return ""
