"""Which verdicts on silent nodes are due, and whose absence it was: theirs, or the manager's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cube.core import nodes
from cube.core.changes import Change
from cube.core.cluster import Cluster
from cube.core.inputs import Tick
from cube.core.liveness import Brake, Leases
from cube.model.ids import NodeId
from cube.model.node import Condition
from cube.model.timing import Instant, Timing


class Judging:
    """Owns the leases and the brake; returns verdicts as changes."""

    def __init__(self, cluster: Cluster, timing: Timing, now: Instant) -> None:
        self.leases = Leases(timing)
        self._brake = Brake(timing)
        self._cluster = cluster
        self._timing = timing
        self._called_at = now.monotonic

    def begin_anew(self, now: Instant) -> None:
        """Give every node that was not given up a fresh lease: nobody was judged until now."""
        self.leases.renew_all(self._cluster.nodes.values(), now.monotonic)

    def notice_absence(self, look_at: float | None, now: Instant) -> None:
        """Excuse every node if nothing at all was handled for long after `look_at`: this process was stopped.

        Workers hang up on it, and need time to dial again. For what a busy one has not read yet see `Tick`.
        """
        if look_at is not None:
            absence = now.monotonic - max(look_at, self._called_at)
            if absence > self._timing.overslept:
                self.leases.excuse(now.monotonic, absence)
        self._called_at = now.monotonic

    def verdicts(self, tick: Tick, now: Instant) -> Iterator[Change]:
        """Yield what follows for silent nodes, the longest silent first, unless too many are silent to believe it.

        Each change is to be applied before the next is taken. Whoever is given up is given up with all that it held,
        and its lease is over.
        """
        at = now.monotonic if tick.heard_until is None else min(now.monotonic, tick.heard_until)
        if at < self.leases.verdict_at:
            return
        losing: list[NodeId] = []
        for node_id in self.leases.overdue(at):
            node = self._cluster.nodes[node_id]
            if self.leases.judge(node_id, at) is Condition.LOST:
                losing.append(node_id)
            if node.condition is Condition.READY:
                silence = now.monotonic - self._heard(node_id, now)
                yield nodes.silent(node, Condition.SUSPECT, silence, now)
        if losing and not self._brake.holds(now.monotonic):
            yield from self._give_up(losing, now)
        self.leases.judged(at, self._brake.held_until)

    def _give_up(self, losing: Sequence[NodeId], now: Instant) -> Iterator[Change]:
        heard = {node_id: self._heard(node_id, now) for node_id in losing}
        if self._brake.check(heard, len(self._cluster.nodes), now.monotonic):
            yield nodes.held_back(self._cluster, self._timing.brake_hold)
            return
        for node_id in losing:
            node = self._cluster.nodes[node_id]
            self.leases.drop(node_id)
            silence = now.monotonic - heard[node_id]
            yield nodes.silent(node, Condition.LOST, silence, now)
            yield from nodes.write_offs(self._cluster, node)

    def _heard(self, node_id: NodeId, now: Instant) -> float:
        return self.leases.heard(node_id) or now.monotonic
