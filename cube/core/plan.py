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
from cube.core.cluster import Cluster
from cube.core.diff import FieldChange, differences
from cube.core.effects import Accepted, Rejected
from cube.core.excerpt import Excerpt, SlotSeen, excerpt_of
from cube.core.foresight import foresee, in_words, victim_names
from cube.core.inputs import Apply, Submit
from cube.core.reconcile.displacing import may_displace
from cube.core.reconcile.slots import refused
from cube.core.roster import Standing
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.place import Placement, place
from cube.core.scheduler.preempt import Occupants
from cube.core.scheduler.trial import without
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
    why: str = ""  # why it finds no place, or is held, or whom it displaces
    codes: tuple[str, ...] = ()  # of the filters that refused
    displaces: tuple[str, ...] = ()  # the slots that have to go for it


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
    """The moves one after the other, written into the excerpt's own inventory.

    Invariant: `_waiting` are the slots that found no place; after each step they are tried again.
    """

    def __init__(self, excerpt: Excerpt) -> None:
        self._excerpt = excerpt
        self._inventory = excerpt.inventory
        self._plans: dict[int, SlotPlan] = {}
        self._step = 1
        self._turn = int(self._inventory.last_placed.max(initial=0))
        self._waiting: dict[int, SlotSeen] = {}
        self._tight: set[tuple[object, ...]] = set()  # places that are too small for a successor
        self._occupants = {**excerpt.occupants}  # who could be displaced, and is still there

    def run(self) -> tuple[SlotPlan, ...]:
        """Return what becomes of each slot, by number."""
        slots = self._excerpt.slots
        outdated = [slot for slot in slots if self._is_outdated(slot)]
        for slot in filter(_to_be_removed, slots):
            self._note(slot, Action.REMOVE, before=self._let_go(slot))
        self._fill([slot for slot in slots if slot.standing is Standing.VACANT])
        # What does not work is replaced at once: nothing is lost by it.
        self._fill([slot for slot in outdated if slot.standing is not Standing.READY])
        self._step = 1 if self._plans else 0
        self._replace_one_by_one([slot for slot in outdated if slot.standing is Standing.READY])
        for slot in slots:
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

    def _fill(self, slots: Sequence[SlotSeen]) -> None:
        """Place these at once; what they still hold is free by then."""
        for slot in slots:
            former = self._let_go(slot)
            action = Action.CREATE if former is None else Action.REPLACE
            self._note(slot, action, before=former)
        self._find_places(slots)

    def _replace_one_by_one(self, working: list[SlotSeen]) -> None:
        """Replace what works. While a slot waits, only where the successor fits into the same place."""
        while working:
            slot = next((one for one in working if not self._waiting or self._fits_here(one)), None)
            if slot is None:
                first = self._excerpt.name_of(min(self._waiting))
                for one in working:
                    words = f"stays as it is until {first} has a place"
                    self._note(one, Action.HOLD, before=_node_of(one), why=words, step=0)
                return
            working.remove(slot)
            self._step += 1
            self._note(slot, Action.REPLACE, before=self._let_go(slot))
            before = [*self._waiting.values()]
            self._find_places([slot])
            self._find_places(before)
            self._tight.clear()

    def _fits_here(self, slot: SlotSeen) -> bool:
        """Whether the successor has room where the former one is. Looked up once per step for all that are alike."""
        assert slot.latest is not None
        former = slot.latest.holding
        alike = (former, tuple(slot.avoid))
        if alike in self._tight:
            return False
        demand, strategy = self._excerpt.demand_for(slot), self._excerpt.strategy
        with without(self._inventory, *former):
            here = place(demand, 1, self._inventory, strategy, only=(slot.latest.node_id,))
        if not here.nodes:
            self._tight.add(alike)
        return bool(here.nodes)

    def _find_places(self, slots: Sequence[SlotSeen]) -> None:
        """Place what was noted to change; identical slots in one go. What finds no place waits."""
        alike = [slot for slot in slots if not slot.avoid and slot.home is None]
        groups = [alike] if alike else []
        groups += [[slot] for slot in slots if slot.avoid or slot.home is not None]
        for group in groups:
            placement = self._place(self._excerpt.demand_for(group[0]), len(group))
            for slot, node_id in zip(group, placement.nodes, strict=False):
                self._waiting.pop(slot.number, None)
                self._change(slot, after=node_id, step=self._step, why="", codes=())
            rest = self._displace(group[len(placement.nodes) :])
            if rest:
                assert placement.refusal is not None
                wait = refused(
                    self._excerpt.task,
                    [slot.number for slot in rest],
                    placement.refusal,
                    victims_sought=self._excerpt.task.spec.preempt
                    and all(may_displace(one.latest) for one in rest),
                )
                self._waiting.update((slot.number, slot) for slot in rest)
                for slot in rest:
                    self._change(slot, why=wait.why, codes=wait.codes)

    def _displace(self, slots: list[SlotSeen]) -> list[SlotSeen]:
        """Have others go for these slots, which are alike, as long as that helps; return those left over.

        Each is asked about once: what is replaced later leaves little that lower priorities did not have.
        """
        for position, slot in enumerate(slots):
            if not self._occupants or slot.number in self._waiting:
                return slots[position:]
            found = foresee(self._excerpt, slot, self._occupants)
            if found is None:
                return slots[position:]
            there = self._occupants[found.node_id]
            for one in (*found.victims, *there.leaving):
                self._inventory.let_go(*one.holding)
            self._occupants[found.node_id] = Occupants(
                tuple(one for one in there.tenants if one.allocation not in found.victims), ()
            )
            task, demand = self._excerpt.task, self._excerpt.demand_for(slot)
            self._inventory.hold(
                found.node_id, task.id, demand.resources, demand.host_ports, found.devices
            )
            self._change(
                slot,
                after=found.node_id,
                step=self._step,
                why=in_words(self._excerpt, found),
                displaces=victim_names(self._excerpt, found),
            )
        return []

    def _place(self, demand: Demand, count: int) -> Placement:
        """Place and hold."""
        placement = place(demand, count, self._inventory, self._excerpt.strategy)
        devices: Sequence[tuple[Share, ...]] = placement.devices or ((),) * len(placement.nodes)
        for node_id, shares in zip(placement.nodes, devices, strict=True):
            self._inventory.hold(
                node_id, demand.task_id, demand.resources, demand.host_ports, shares
            )
            self._turn += 1
            self._inventory.chosen(node_id, self._turn)
        return placement

    def _let_go(self, slot: SlotSeen) -> NodeId | None:
        """Free what the slot holds; return the node of its container, None where it has none."""
        latest = slot.latest
        if latest is None or latest.gone or latest.lost:
            return None
        if latest.reserves and latest.node_id in self._inventory.nodes:
            self._inventory.let_go(*latest.holding)
        return latest.node_id

    def _note(self, slot: SlotSeen, action: Action, **more: Any) -> None:
        self._plans[slot.number] = SlotPlan(number=slot.number, action=action, step=self._step)
        self._change(slot, **more)

    def _change(self, slot: SlotSeen, **more: Any) -> None:
        self._plans[slot.number] = replace(self._plans[slot.number], **more)


def _node_of(slot: SlotSeen) -> NodeId | None:
    return slot.latest.node_id if slot.latest else None


def _to_be_removed(slot: SlotSeen) -> bool:
    latest = slot.latest
    return slot.standing is Standing.UNWANTED and latest is not None and latest.live
