"""Which verdicts on silent nodes are due, and whose absence it was: theirs, or the manager's own."""

from __future__ import annotations

from collections.abc import Sequence

from cube.core import nodes
from cube.core.changes import Change
from cube.core.cluster import Cluster
from cube.core.liveness import Brake, Leases
from cube.model.ids import NodeId
from cube.model.node import Condition
from cube.model.timing import Instant, Timing


class Judging:
    """Owns the leases and the brake; returns verdicts as changes."""

    def __init__(self, cluster: Cluster, timing: Timing) -> None:
        self.leases = Leases(timing)
        self._brake = Brake(timing)
        self._cluster = cluster
        self._timing = timing

    def begin_anew(self, now: Instant) -> None:
        """Give every node that was not given up a fresh lease: nobody was judged until now."""
        self.leases.renew_all(self._cluster.nodes.values(), now.monotonic)

    def notice_absence(self, look_at: float | None, now: Instant) -> None:
        """Excuse every node if nothing at all was handled for long after `look_at`: this process was stopped.

        It is woken by its timer, before it has read the heartbeats that wait in its sockets. One that is merely busy
        handles something all the time, each time asks to be called in the future, and so is never that late.
        """
        if look_at is not None:
            absence = now.monotonic - look_at
            if absence > self._timing.overslept:
                self.leases.excuse(now.monotonic, absence)

    def plan(self, now: Instant) -> list[Change]:
        """Return the verdicts that are due, the longest silent first, unless too many are silent to believe it.

        Whoever is given up is given up with all that it held, and its lease is over.
        """
        if now.monotonic < self.leases.verdict_at:
            return []
        changes: list[Change] = []
        losing: list[NodeId] = []
        for node_id in self.leases.overdue(now.monotonic):
            node = self._cluster.nodes[node_id]
            if self.leases.judge(node_id, now.monotonic) is Condition.LOST:
                losing.append(node_id)
            if node.condition is Condition.READY:
                silence = now.monotonic - self._heard(node_id, now)
                changes.append(nodes.silent(node, Condition.SUSPECT, silence, now))
        if losing and not self._brake.holds(now.monotonic):
            changes += self._give_up(losing, now)
        self.leases.judged(now.monotonic, self._brake.held_until)
        return changes

    def _give_up(self, losing: Sequence[NodeId], now: Instant) -> list[Change]:
        heard = {node_id: self._heard(node_id, now) for node_id in losing}
        if self._brake.check(heard, len(self._cluster.nodes), now.monotonic):
            return [nodes.held_back(self._cluster, self._timing.brake_hold)]
        changes: list[Change] = []
        for node_id in losing:
            node = self._cluster.nodes[node_id]
            self.leases.drop(node_id)
            silence = now.monotonic - heard[node_id]
            changes.append(nodes.silent(node, Condition.LOST, silence, now))
            changes += nodes.write_offs(self._cluster, node)
        return changes

    def _heard(self, node_id: NodeId, now: Instant) -> float:
        return self.leases.heard(node_id) or now.monotonic
