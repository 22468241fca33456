"""Refusals in bulk: why a replica waits, counted from masks, so that it costs little however many nodes there are.

`no node fits: 2 lack memory (nearest w1, 212 MiB short; w4), 1 is draining (w2)`
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from cube.core.scheduler.columns import Ints
from cube.core.scheduler.filters import Filter, NodeRefusal, concerning
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.shortage import lacks
from cube.model.resources import NOTHING

NO_WORKERS = "no workers have joined; start one with: cube worker start"
NAMED_AT_MOST = 5  # longer lists of names are for `cube why`, which shows a line per node


class RefusalGroup(msgspec.Struct, frozen=True):
    """The nodes that one filter refused for the same reason.

    `named` are the nearest misses first, where something is missing, else by name; all of them up to NAMED_AT_MOST,
    of more only the first.
    """

    code: str
    about: str
    count: int
    named: tuple[NodeRefusal, ...]


class Unplaceable(msgspec.Struct, frozen=True):
    """No node takes the replica: every node that was looked at is counted in one group, the largest group first."""

    groups: tuple[RefusalGroup, ...]
    nodes: int  # how many there are; all were looked at, unless placing was restricted to some

    @property
    def looked_at(self) -> int:
        """How many nodes refused."""
        return sum(group.count for group in self.groups)

    def sentence(self) -> str:
        """Return the reason in one line. The counts in it add up to the number of nodes looked at."""
        if not self.nodes:
            return NO_WORKERS
        reasons = ", ".join(map(_phrase, self.groups)) or "none was looked at"
        if self.looked_at < self.nodes:
            return f"none of {self.looked_at} nodes (of {self.nodes}) fits: {reasons}"
        return f"no node fits: {reasons}"

    def codes(self) -> tuple[str, ...]:
        """Return the codes of the filters that refused, sorted, each once."""
        return tuple(sorted({group.code for group in self.groups}))


def refusals(offers: Offers) -> Unplaceable:
    """Return why none of the offers stands. Those that do stand are in no group."""
    groups: list[RefusalGroup] = []
    left = offers
    for one in concerning(offers.demand):
        stands = one.passes(left)
        if stands.all():
            continue
        groups += _groups(one, left.at(np.flatnonzero(~stands)))
        left = left.at(np.flatnonzero(stands))
    groups.sort(key=lambda group: (-group.count, group.code, group.about))
    return Unplaceable(tuple(groups), offers.nodes)


def _groups(one: Filter, refused: Offers) -> Iterator[RefusalGroup]:
    kinds = one.kinds(refused)
    for kind in np.unique(kinds):
        alike = refused.at(np.flatnonzero(kinds == kind))
        named = [_told(one, alike, int(position)) for position in _first(one, alike)]
        yield RefusalGroup(named[0].code, named[0].about, len(alike), tuple(named))


def _first(one: Filter, alike: Offers) -> Ints:
    """Return the positions of those to be named, in order."""
    order = np.lexsort([alike.rank, *reversed(one.misses(alike))])
    return order if len(order) <= NAMED_AT_MOST else order[:1]


def _told(one: Filter, offers: Offers, position: int) -> NodeRefusal:
    ahead = 0 if offers.ahead is None else int(offers.ahead[position])
    row = int(offers.numbers[position])
    refusal = one.refuse(offers.inventory, row, offers.demand, ahead)
    assert refusal is not None, f"{one} refuses row {row} in its mask only"
    return refusal


def no_victim(refusal: Unplaceable) -> str:
    """Return that displacing would not help, of the nodes where that might have; empty where it could on none."""
    mended = [group for group in refusal.groups if group.code in MENDED_BY_LEAVING]
    if not mended:
        return ""
    named = [one.node_name for group in mended for one in group.named]
    count = sum(group.count for group in mended)
    where = (
        f"any of {count} nodes"
        if count > len(named)
        else " or ".join(", ".join(sorted(named)).rsplit(", ", 1))
    )
    return f"nothing of lower priority would make room on {where}"


MENDED_BY_LEAVING = frozenset({"resources", "host_ports", "extras"})
"""The refusals that may end when somebody goes."""

# code: (what one node does, what several do). `{}` stands for what the refusal is about.
_PHRASES = {
    "lost": ("is lost", "are lost"),
    "suspect": ("is suspect", "are suspect"),
    "cordoned": ("is cordoned", "are cordoned"),
    "draining": ("is draining", "are draining"),
    "quarantined": ("is in quarantine", "are in quarantine"),
    "runtime_down": ("has no working engine", "have no working engine"),
    "platform": ("is not {}", "are not {}"),
    "policy": ("does not allow {}", "do not allow {}"),
    "constraints": ("does not match {}", "do not match {}"),
    "volumes": ("lacks the {}", "lack the {}"),
    "max_per_node": ("is at its {}", "are at their {}"),
    "avoided": ("is avoided for now", "are avoided for now"),
    "host_ports": ("has {} taken", "have {} taken"),
    "resources": ("lacks {}", "lack {}"),
    "extras": ("lacks {}", "lack {}"),
}

# The refusals whose message says of each node something that the phrase of its group does not.
_OWN_STORY = frozenset({"avoided", "quarantined", "runtime_down"})


def _phrase(group: RefusalGroup) -> str:
    """Return `2 lack memory (nearest w1, 212 MiB short; w4)`."""
    one, several = _PHRASES[group.code]
    verb = (one if group.count == 1 else several).format(group.about)
    first = group.named[0]
    missing = first.short != NOTHING or first.extras_short
    details = _nearest(group) if missing else _names(group)
    return f"{group.count} {verb} ({details})" if details else f"{group.count} {verb}"


def _names(group: RefusalGroup) -> str:
    if group.count > len(group.named):
        return ""
    if group.code in _OWN_STORY:
        return "; ".join(f"{refusal.node_name}: {refusal.message}" for refusal in group.named)
    return ", ".join(refusal.node_name for refusal in group.named)


def _nearest(group: RefusalGroup) -> str:
    """Name the node with the least shortage and how much it is, then the others."""
    nearest, *others = group.named
    missing = lacks(nearest.short, nearest.extras_short)
    words = missing[0].amount if len(missing) == 1 else " and ".join(lack.full for lack in missing)
    if group.count == 1:
        return f"{nearest.node_name}, {words} short"
    if group.count > len(group.named):
        return f"nearest {nearest.node_name}, {words} short"
    names = ", ".join(refusal.node_name for refusal in others)
    return f"nearest {nearest.node_name}, {words} short; {names}"
