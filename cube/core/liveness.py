"""Judging nodes by the age of their lease. Knows nothing of heartbeats or sockets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from math import inf

from cube.model.ids import NodeId
from cube.model.node import Condition, Node
from cube.model.timing import Timing


class Leases:
    """When each node was last heard, by the manager's monotonic clock, oldest first.

    Renewing and asking for the oldest cost the same for 5 nodes and 5,000. Kept in memory only: after a manager's
    start, and when it was stopped for a while, every node counts as just heard: its own absence is held against nobody.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._heard: OrderedDict[NodeId, float] = OrderedDict()
        self._excused: set[NodeId] = set()  # given a fresh lease, and not heard since
        self._pace = 1.0
        self._verdict_at = inf

    @property
    def verdict_at(self) -> float:
        """Before then no verdict changes: being heard only puts one off. Never later than the next is due."""
        return self._verdict_at

    @property
    def due(self) -> float | None:
        """When to look again if nobody is heard; None: there is nobody to judge."""
        return None if self._verdict_at == inf else self._verdict_at

    @property
    def heartbeat(self) -> float:
        """Seconds between two heartbeats of one node, so that the manager hears a bounded number of them."""
        return self._timing.heartbeat * self._pace

    @property
    def suspect_after(self) -> float:
        """Seconds of silence after which a node gets nothing new."""
        return self._timing.suspect_after * self._pace

    @property
    def lost_after(self) -> float:
        """Seconds of silence after which a node's slots are placed elsewhere."""
        return self._timing.lost_after * self._pace

    def renew(self, node_id: NodeId, at: float) -> None:
        """The node was heard."""
        self._heard[node_id] = at
        self._heard.move_to_end(node_id)
        self._excused.discard(node_id)
        # The pace only grows: a node that was told to beat slowly must not be judged by a quicker one.
        beats = len(self._heard) / self._timing.heartbeat
        self._pace = max(self._pace, beats / self._timing.heartbeats_per_second)
        self._verdict_at = min(self._verdict_at, at + self.suspect_after)

    def judged(self, at: float, held_until: float) -> None:
        """All verdicts of this time were given, but for those held back until then."""
        due = self.next_verdict(at)
        self._verdict_at = min(inf if due is None else due, held_until if held_until > at else inf)

    def renew_all(self, nodes: Iterable[Node], at: float) -> None:
        """Every node that was not given up counts as heard: nobody was judged meanwhile."""
        for node in nodes:
            if node.condition is not Condition.LOST:
                self.renew(node.id, at)

    def drop(self, node_id: NodeId) -> None:
        """The node is given up or forgotten: no verdict is due any more."""
        self._heard.pop(node_id, None)
        self._excused.discard(node_id)

    def excuse(self, at: float, absence: float) -> None:
        """Hold the manager's own absence (seconds, until now) against nobody: every node gets a fresh lease.

        What they sent meanwhile is not read yet, and who hung up needs time to dial again. A node that is not heard
        between two absences gets no second fresh lease: then only the absence does not count. So a manager that
        falls asleep again and again gives a dead node up after a lease of its own waking time, and not never.
        """
        for node_id, heard in self._heard.items():
            self._heard[node_id] = heard + absence if node_id in self._excused else at
        self._excused.update(self._heard)
        self._heard = OrderedDict(sorted(self._heard.items(), key=lambda entry: entry[1]))

    def heard(self, node_id: NodeId) -> float | None:
        """When the node was last heard; None for one that is not watched."""
        return self._heard.get(node_id)

    def judge(self, node_id: NodeId, at: float) -> Condition:
        """Return the verdict on a watched node at this time."""
        silence = at - self._heard[node_id]
        if silence >= self.lost_after:
            return Condition.LOST
        return Condition.SUSPECT if silence >= self.suspect_after else Condition.READY

    def overdue(self, at: float) -> list[NodeId]:
        """Return the nodes silent for long enough to be at least suspect, the longest silent first."""
        late: list[NodeId] = []
        for node_id, heard in self._heard.items():
            if at - heard < self.suspect_after:
                break
            late.append(node_id)
        return late

    def next_verdict(self, at: float) -> float | None:
        """Return the next moment at which a verdict changes if nobody is heard; None without nodes."""
        due: float | None = None
        for heard in self._heard.values():
            if at < heard + self.suspect_after:
                verdict = heard + self.suspect_after
                return verdict if due is None else min(due, verdict)
            if at < heard + self.lost_after:
                due = heard + self.lost_after if due is None else min(due, heard + self.lost_after)
        return due


class Brake:
    """Holds back verdicts when too many nodes fall silent at once: then the manager's own network is the
    likelier fault, and moving everything would be the greater harm. One node that comes and goes counts once."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._given_up: dict[NodeId, float] = {}  # when last, within the window
        self.held_until = 0.0

    def holds(self, at: float) -> bool:
        """Whether no node may be given up now."""
        return at < self.held_until

    def check(self, losing: Mapping[NodeId, float], nodes: int, at: float) -> bool:
        """Return whether giving up these of `nodes` nodes is too much; if so, hold from now on.

        `losing` tells when each was heard last. After a hold the verdict stands for those that were silent in it: they
        neither count again nor renew it.
        """
        timing = self._timing
        begin = at - timing.brake_window
        self._given_up = {one: when for one, when in self._given_up.items() if when > begin}
        fresh = {node_id for node_id, heard in losing.items() if heard >= self.held_until}
        many = len(self._given_up.keys() | fresh)
        if fresh and many >= timing.brake_least and many > nodes * timing.brake_share:
            self.held_until = at + timing.brake_hold
            return True
        self._given_up.update(dict.fromkeys(fresh, at))
        return False
