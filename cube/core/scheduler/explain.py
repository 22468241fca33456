"""Refusals put into words: why a replica waits, in one line that leaves no node out.

`no node fits: 2 lack memory (nearest w1, 212 MiB short; w4), 1 is draining (w2)`
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec

from cube.core.scheduler.shortage import lacks
from cube.model.ids import NodeId
from cube.model.resources import NOTHING, Resources

NO_WORKERS = "no workers have joined; start one with: cube worker start"
NAMED_AT_MOST = 5  # longer lists of names are for `cube why`, which shows a line per node


class NodeRefusal(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Why one node cannot take one replica. `code` is for programs, `message` for people."""

    node_id: NodeId
    node_name: str
    code: str
    message: str
    about: str = ""  # what the code alone does not say: the constraint, the ports, the resources
    short: Resources = NOTHING  # how much is missing


class Unplaceable(msgspec.Struct, frozen=True):
    """No node takes the replica: one refusal for every node that was looked at, by node name."""

    refusals: tuple[NodeRefusal, ...]
    nodes: int  # how many there are; all were looked at, unless placing was restricted to some

    def sentence(self) -> str:
        """Return the reason in one line. The counts in it add up to the number of nodes looked at."""
        if not self.nodes:
            return NO_WORKERS
        groups = sorted(_grouped(self.refusals), key=lambda group: (-len(group), _kind(group[0])))
        reasons = ", ".join(map(_phrase, groups)) or "none was looked at"
        if len(self.refusals) < self.nodes:
            return f"none of {len(self.refusals)} nodes (of {self.nodes}) fits: {reasons}"
        return f"no node fits: {reasons}"

    def codes(self) -> tuple[str, ...]:
        """Return the codes of the filters that refused, sorted, each once."""
        return tuple(sorted({refusal.code for refusal in self.refusals}))


# code: (what one node does, what several do). `{}` stands for what the refusal is about.
_PHRASES = {
    "quarantined": ("is in quarantine", "are in quarantine"),
    "lost": ("is lost", "are lost"),
    "suspect": ("is suspect", "are suspect"),
    "cordoned": ("is cordoned", "are cordoned"),
    "draining": ("is draining", "are draining"),
    "runtime_down": ("has no working engine", "have no working engine"),
    "constraints": ("does not match {}", "do not match {}"),
    "max_per_node": ("is at its {}", "are at their {}"),
    "avoided": ("is avoided for now", "are avoided for now"),
    "host_ports": ("has {} taken", "have {} taken"),
    "resources": ("lacks {}", "lack {}"),
}

# The refusals whose message says of each node something that the phrase of its group does not.
_OWN_STORY = frozenset({"avoided", "quarantined", "runtime_down"})


def _kind(refusal: NodeRefusal) -> tuple[str, str]:
    return refusal.code, refusal.about


def _grouped(refusals: Sequence[NodeRefusal]) -> list[list[NodeRefusal]]:
    return [list(group) for _, group in groupby(sorted(refusals, key=_kind), key=_kind)]


def _phrase(group: list[NodeRefusal]) -> str:
    """Return `2 lack memory (nearest w1, 212 MiB short; w4)`."""
    first = group[0]
    one, several = _PHRASES[first.code]
    verb = (one if len(group) == 1 else several).format(first.about)
    details = _nearest_first(group) if first.short != NOTHING else _named(group)
    return f"{len(group)} {verb} ({details})" if details else f"{len(group)} {verb}"


def _named(group: list[NodeRefusal]) -> str:
    if len(group) > NAMED_AT_MOST:
        return ""
    if group[0].code in _OWN_STORY:
        return "; ".join(f"{refusal.node_name}: {refusal.message}" for refusal in group)
    return ", ".join(refusal.node_name for refusal in group)


def _nearest_first(group: list[NodeRefusal]) -> str:
    """Name the node with the least shortage and how much it is, then the others."""
    nearest, *others = sorted(group, key=_distance)
    missing = lacks(nearest.short)
    words = missing[0].amount if len(missing) == 1 else " and ".join(lack.full for lack in missing)
    if not others:
        return f"{nearest.node_name}, {words} short"
    if len(group) > NAMED_AT_MOST:
        return f"nearest {nearest.node_name}, {words} short"
    names = ", ".join(refusal.node_name for refusal in others)
    return f"nearest {nearest.node_name}, {words} short; {names}"


def _distance(refusal: NodeRefusal) -> tuple[int, int, int, str]:
    """Order the refusals of one group, which all lack the same resources."""
    short = refusal.short
    return short.cpu_millis, short.memory_bytes, short.disk_bytes, refusal.node_name
