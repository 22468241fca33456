"""Draining nodes as wholes: when deadlines pass, and when a node is empty. `reconcile.draining` says what moves."""

from __future__ import annotations

from msgspec.structs import replace

from cube.core.changes import Change, PutNode
from cube.core.cluster import Cluster
from cube.model.event import EventKind
from cube.model.ids import NodeId
from cube.model.node import Drain
from cube.model.timing import Instant


class Deadlines:
    """The deadlines of drains on the clock that only goes forward.

    On record they stand by the wall clock, because they outlive the process. That is read once for each drain, and no
    more than its patience is left then: a clock that is set meanwhile neither hastens nor delays it.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._due: dict[NodeId, tuple[Drain, float]] = {}
        self._told: set[NodeId] = set()

    def ahead(self, now: Instant) -> list[float]:
        """Return the monotonic seconds at which deadlines are still to pass."""
        return [due for due in self._all(now).values() if due > now.monotonic]

    def expired(self, now: Instant) -> frozenset[NodeId]:
        """Return the draining nodes whose deadline has passed."""
        dues = self._all(now)
        return frozenset(one for one, due in dues.items() if due <= now.monotonic)

    def passed(self, now: Instant) -> list[NodeId]:
        """Return the expired nodes that were not returned before."""
        expired = self.expired(now)
        news = sorted(expired - self._told)
        self._told = set(expired)
        return news

    def _all(self, now: Instant) -> dict[NodeId, float]:
        known, self._due = self._due, {}
        for node_id in self._cluster.draining:
            drain = self._cluster.nodes[node_id].drain
            if drain is None or drain.patience is None or drain.deadline_ms is None:
                continue
            before = known.get(node_id)
            if before is not None and before[0] == drain:
                self._due[node_id] = before
                continue
            left = (drain.deadline_ms - now.wall_ms) / 1000
            self._due[node_id] = drain, now.monotonic + min(max(left, 0.0), drain.patience)
        return {node_id: due for node_id, (_, due) in self._due.items()}


def drained(cluster: Cluster, node_id: NodeId, now: Instant) -> list[Change]:
    """Return the change that says that nothing which runs is left on a draining node, once for each drain."""
    node = cluster.nodes.get(node_id)
    if node is None or node.drain is None or node.drain.ended_ms is not None:
        return []
    if any(not cluster.allocations[one].ended for one in cluster.on_node(node_id)):
        return []
    node = replace(node, drain=replace(node.drain, ended_ms=now.wall_ms), changed_ms=now.wall_ms)
    return [PutNode(node, EventKind.NODE_DRAINED, "nothing that runs is left on it")]
