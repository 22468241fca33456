"""What applying a task would change, without doing it: `cube plan`.

Works on an excerpt, as the cluster is now, and goes through the moves that `reconcile` would make one after the other,
each on the room that those before have left. It takes for granted that every new container will work, that what is to
go is gone before others are placed, and that nothing else happens meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from cube.core import wishes
from cube.core.cluster import Cluster, held
from cube.core.diff import FieldChange, differences
from cube.core.effects import Accepted, Rejected
from cube.core.excerpt import Excerpt, SlotSeen, excerpt_of
from cube.core.inputs import Apply, Submit
from cube.core.roster import Standing
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.place import Placement, place
from cube.core.scheduler.refusals import Unplaceable
from cube.model.extras import Share
from cube.model.ids import NodeId
from cube.model.task import Goal, Task
from cube.model.timing import Instant


class Action(StrEnum):
    """What would become of a slot."""

    CREATE = "create"
    REPLACE = "replace"
    HOLD = "hold"  # is to be replaced, and is not while another one finds no place
    REMOVE = "remove"
    KEEP = "keep"


class SlotPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of one slot. Slots of one `step` change at once; 0: it does not change."""

    number: int
    action: Action
    step: int = 0
    before: NodeId | None = None
    after: NodeId | None = None  # None for one that changes: it is removed, or finds no place
    why: str = ""  # why it finds no place, or is held
    codes: tuple[str, ...] = ()  # of the filters that refused


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would change: nothing, if neither fields nor slots do."""

    new: bool  # there is no such task that runs
    changed: bool
    fields: tuple[FieldChange, ...]
    slots: tuple[SlotPlan, ...]

    @property
    def fits(self) -> bool:
        """Whether every slot that changes finds its place."""
        moving = (Action.CREATE, Action.REPLACE, Action.HOLD)
        return all(slot.after is not None for slot in self.slots if slot.action in moving)


class Draft(msgspec.Struct, frozen=True):
    """What a plan is made from: the task as it would be, with all that placing it depends on, and as it is."""

    excerpt: Excerpt
    before: Task | None


def draft(
    cluster: Cluster, wish: Submit | Apply, *, strategy: str, now: Instant
) -> Draft | Rejected:
    """Return what the wish would lead to, or why it would be refused. The cluster is left as it is."""
    answer, _ = wishes.take(cluster, wish, now)
    if isinstance(answer, Accepted):
        task = answer.task
        excerpt = excerpt_of(cluster, task, strategy=strategy, now=now)
        return Draft(excerpt, cluster.tasks.get(task.id))
    assert isinstance(answer, Rejected)
    return answer


def plan(excerpt: Excerpt, before: Task | None) -> Plan:
    """Return what would happen if the task were to be as the excerpt has it, and not as it was before.

    Uses up the excerpt: its inventory is left as the cluster's would be at the end.
    """
    running = before if before is not None and before.goal is Goal.RUN else None
    if running is not None and running.revision == excerpt.task.revision:
        kept = tuple(_kept(slot) for slot in excerpt.slots if _there(slot))
        return Plan(new=False, changed=False, fields=(), slots=kept)
    fields = differences(running.spec, excerpt.task.spec) if running else ()
    slots = _Rehearsal(excerpt).run()
    return Plan(new=running is None, changed=True, fields=fields, slots=slots)


def _kept(slot: SlotSeen) -> SlotPlan:
    node_id = slot.latest.node_id if slot.latest and not slot.latest.lost else None
    why = slot.reason if slot.standing is Standing.VACANT else ""
    return SlotPlan(number=slot.number, action=Action.KEEP, before=node_id, after=node_id, why=why)


def _there(slot: SlotSeen) -> bool:
    return slot.standing is not Standing.UNWANTED


class _Rehearsal:
    """The moves one after the other, written into the excerpt's own inventory."""

    def __init__(self, excerpt: Excerpt) -> None:
        self._excerpt = excerpt
        self._inventory = excerpt.inventory
        self._plans: dict[int, SlotPlan] = {}
        self._step = 0
        self._turn = int(self._inventory.last_placed.max(initial=0))
        self._waits = ""  # the first slot that found no place

    def run(self) -> tuple[SlotPlan, ...]:
        """Return what becomes of each slot, by number."""
        outdated = [slot for slot in self._excerpt.slots if self._is_outdated(slot)]
        self._step = 1
        self._remove([slot for slot in self._excerpt.slots if _to_be_removed(slot)])
        self._fill([slot for slot in self._excerpt.slots if slot.standing is Standing.VACANT])
        # What does not work is replaced at once: nothing is lost by it.
        self._fill([slot for slot in outdated if slot.standing is not Standing.READY])
        self._step = 1 if self._plans else 0
        for slot in outdated:
            if slot.standing is Standing.READY:
                self._replace(slot)
        for slot in self._excerpt.slots:
            if slot.number not in self._plans and _there(slot):
                self._plans[slot.number] = _kept(slot)
        return tuple(self._plans[number] for number in sorted(self._plans))

    def _is_outdated(self, slot: SlotSeen) -> bool:
        latest = slot.latest
        newest = self._excerpt.task.template_revision
        return (
            latest is not None
            and latest.live
            and latest.template_revision < newest
            and _there(slot)
        )

    def _remove(self, slots: Sequence[SlotSeen]) -> None:
        for slot in slots:
            node_id = self._let_go(slot)
            self._note(slot, Action.REMOVE, before=node_id)

    def _fill(self, slots: Sequence[SlotSeen]) -> None:
        """Place these at once; what they still hold is free by then. Identical ones are placed in one go."""
        before = {slot.number: self._let_go(slot) for slot in slots}
        alike = [slot for slot in slots if not slot.avoid and slot.home is None]
        groups = [alike] if alike else []
        groups += [[slot] for slot in slots if slot.avoid or slot.home is not None]
        for group in groups:
            demand = self._excerpt.demand_for(group[0])
            placement = self._place(demand, len(group))
            for slot, node_id in zip(group, _padded(placement, len(group)), strict=True):
                former = before[slot.number]
                action = Action.CREATE if slot.latest is None or former is None else Action.REPLACE
                self._placed(slot, action, former, node_id, placement.refusal)

    def _replace(self, slot: SlotSeen) -> None:
        """Replace one that works. While another one waits, only where the successor fits into the same place."""
        assert slot.latest is not None
        former, demand = slot.latest, self._excerpt.demand_for(slot)
        if not self._waits:
            self._step += 1
            self._let_go(slot)
            placement = self._place(demand, 1)
            [node_id] = _padded(placement, 1)
            self._placed(slot, Action.REPLACE, former.node_id, node_id, placement.refusal)
            return
        with self._inventory.without(*held(former)):
            here = place(demand, 1, self._inventory, self._excerpt.strategy, only=(former.node_id,))
        if not here.nodes:
            words = f"stays as it is until {self._waits} has a place"
            self._note(slot, Action.HOLD, before=former.node_id, why=words, step=0)
            return
        self._step += 1
        self._let_go(slot)
        placement = self._place(demand, 1, only=former.node_id)
        self._placed(slot, Action.REPLACE, former.node_id, placement.nodes[0], None)

    def _place(self, demand: Demand, count: int, only: NodeId | None = None) -> Placement:
        """Place and hold."""
        among = None if only is None else (only,)
        placement = place(demand, count, self._inventory, self._excerpt.strategy, only=among)
        devices: Sequence[tuple[Share, ...]] = placement.devices or ((),) * len(placement.nodes)
        for node_id, shares in zip(placement.nodes, devices, strict=True):
            self._inventory.hold(
                node_id, demand.task_id, demand.resources, demand.host_ports, shares
            )
            self._turn += 1
            self._inventory.chosen(node_id, self._turn)
        return placement

    def _placed(
        self,
        slot: SlotSeen,
        action: Action,
        former: NodeId | None,
        node_id: NodeId | None,
        refusal: Unplaceable | None,
    ) -> None:
        if node_id is not None or refusal is None:
            self._note(slot, action, before=former, after=node_id)
            return
        self._waits = self._waits or self._excerpt.name_of(slot.number)
        why, codes = refusal.sentence(), refusal.codes()
        self._note(slot, action, before=former, why=why, codes=codes)

    def _let_go(self, slot: SlotSeen) -> NodeId | None:
        """Free what the slot holds; return the node of its container, None where it has none."""
        latest = slot.latest
        if latest is None or latest.gone or latest.lost:
            return None
        if latest.reserves and latest.node_id in self._inventory.nodes:
            self._inventory.let_go(*held(latest))
        return latest.node_id

    def _note(self, slot: SlotSeen, action: Action, **more: Any) -> None:
        known = SlotPlan(number=slot.number, action=action, step=self._step)
        self._plans[slot.number] = replace(known, **more)


def _to_be_removed(slot: SlotSeen) -> bool:
    latest = slot.latest
    return slot.standing is Standing.UNWANTED and latest is not None and latest.live


def _padded(placement: Placement, count: int) -> list[NodeId | None]:
    """Return where each goes: the nodes first, then nothing for those that found no place."""
    return [*placement.nodes, *(None,) * (count - len(placement.nodes))]
