"""Why a task runs where it runs, or does not run: for each slot where it is and what hinders it, and how all nodes
stand towards those that wait.

Codes for programs beside words for people, as in `scheduler.explain`. Looking at every node takes up to some tens of
microseconds each, so this works on an excerpt, in whatever thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum

import msgspec

from cube.core.excerpt import Excerpt, SlotSeen
from cube.core.foresight import foresee, in_words
from cube.core.reconcile.displacing import may_displace
from cube.core.reconcile.slots import refused
from cube.core.roster import Standing
from cube.core.scheduler.explain import Explanation, explain
from cube.core.scheduler.place import why_not
from cube.core.scheduler.trial import without
from cube.core.summary import displaced_words
from cube.model.allocation import Allocation, Phase
from cube.model.ids import NodeId

PICTURES_AT_MOST = 20
VERDICTS_AT_MOST = 10_000  # some 200 ms of one core, and 2 MB of JSON


class SlotCode(StrEnum):
    """How a slot stands, for programs."""

    UNPLACEABLE = "unplaceable"  # no node takes it now
    PLACEABLE = "placeable"  # a node takes it, and it is about to go there
    LEAVING = "leaving"  # its former container has to go first
    RECOVERING = "recovering"  # nothing is placed while the ledger is being recovered
    STARTING = "starting"
    RESTARTING = "restarting"  # between two runs on the same node
    UNREADY = "unready"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPING = "stopping"  # not wanted any more
    STOPPED = "stopped"


class SlotWhy(msgspec.Struct, frozen=True, kw_only=True):
    """One slot. `place_now` is the place of its node if it were placed again: 1 is the first, 0 would not take it."""

    number: int
    code: SlotCode
    reason: str
    allocation: Allocation | None = None  # the one that fills it, or did so last
    node_name: str = ""
    chosen_then: str = ""  # why the node was chosen, as recorded
    place_now: int | None = None  # None: has no node, or was not compared


class Picture(msgspec.Struct, frozen=True):
    """How every node stands towards the next allocation of these slots.

    Where they have a node, what they hold there counts as free: as if they were placed again.
    """

    slots: tuple[int, ...]
    explanation: Explanation
    sentence: str  # why no node takes it; empty where one does
    displaces: str = (
        ""  # whom it has go, and where, as no node takes it; empty where it displaces nobody
    )


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer about a task, or about one slot of it."""

    slots: tuple[SlotWhy, ...]
    pictures: tuple[Picture, ...]
    left_out: tuple[int, ...]  # slots that have no picture, for there would be too many

    @property
    def waits(self) -> bool:
        """Whether there is a slot that no node takes now."""
        return any(slot.code is SlotCode.UNPLACEABLE for slot in self.slots)


_Alike = tuple[tuple[object, ...], ...]


def why(
    excerpt: Excerpt,
    *,
    asked: int | None = None,
    chosen_then: Mapping[int, str] | None = None,
    recovering: bool = False,
) -> Why:
    """Return what hinders the slots, and a picture for those that wait; where none waits, for those that have a node.

    With `asked`, of that slot alone. `chosen_then` says by slot why its node was chosen, as far as that is recorded.
    """
    slots = [slot for slot in excerpt.slots if asked is None or slot.number == asked]
    waiting = [] if recovering else [slot for slot in slots if _to_be_placed(slot)]
    placed = [slot for slot in slots if slot.latest and slot.latest.live]
    pictures: dict[int, Picture] = {}
    found: list[Picture] = []
    left_out: list[int] = []
    for group in _alike(waiting or placed).values():
        if len(found) == _most(excerpt):
            left_out += [slot.number for slot in group]
            continue
        found.append(_picture(excerpt, group))
        pictures.update((slot.number, found[-1]) for slot in group)
    then = chosen_then or {}
    return Why(
        slots=tuple(
            _why_slot(excerpt, slot, pictures.get(slot.number), then, recovering)
            for slot in slots
            if slot.standing is not Standing.UNWANTED
            or slot.number == asked
            or _something_left(slot)
        ),
        pictures=tuple(found),
        left_out=tuple(left_out),
    )


def _most(excerpt: Excerpt) -> int:
    return max(1, min(PICTURES_AT_MOST, VERDICTS_AT_MOST // max(1, len(excerpt.inventory))))


def _to_be_placed(slot: SlotSeen) -> bool:
    return slot.standing is Standing.VACANT and not slot.leaving


def _something_left(slot: SlotSeen) -> bool:
    return slot.latest is not None and not slot.latest.gone and not slot.latest.lost


def _alike(slots: list[SlotSeen]) -> dict[_Alike, list[SlotSeen]]:
    """Return the slots grouped by what makes their pictures differ."""
    groups: dict[_Alike, list[SlotSeen]] = {}
    for slot in slots:
        groups.setdefault(_key(slot), []).append(slot)
    return groups


def _key(slot: SlotSeen) -> _Alike:
    own: tuple[object, ...] = ()
    if slot.latest and slot.latest.live:
        own = slot.latest.holding
    return (tuple(slot.avoid.items()), (slot.home,), own)


def _picture(excerpt: Excerpt, group: list[SlotSeen]) -> Picture:
    first = group[0]
    demand, inventory = excerpt.demand_for(first), excerpt.inventory
    with _as_if_free(excerpt, first):
        explanation = explain(demand, inventory, excerpt.strategy)
        refusal = None if explanation.chosen else why_not(demand, inventory)
    numbers = tuple(slot.number for slot in group)
    if refusal is None:
        return Picture(numbers, explanation, "")
    if found := foresee(excerpt, first, excerpt.occupants):
        where = excerpt.node_name(found.node_id)
        displaces = f"{in_words(excerpt, found)} on {where}"
        return Picture(numbers, explanation, refusal.sentence(), displaces)
    sought = excerpt.task.spec.preempt and all(may_displace(slot.latest) for slot in group)
    wait = refused(excerpt.task, [*numbers], refusal, victims_sought=sought)
    return Picture(numbers, explanation, wait.why)


def _as_if_free(excerpt: Excerpt, slot: SlotSeen) -> AbstractContextManager[None]:
    """Make it look as if the slot had no allocation, for as long as the block lasts."""
    latest = slot.latest
    if latest is None or not latest.live or latest.node_id not in excerpt.inventory.nodes:
        return nullcontext()
    return without(excerpt.inventory, *latest.holding)


def _why_slot(
    excerpt: Excerpt,
    slot: SlotSeen,
    picture: Picture | None,
    chosen_then: Mapping[int, str],
    recovering: bool,
) -> SlotWhy:
    code = _code(slot, picture, recovering)
    latest = slot.latest
    reason = slot.reason
    if picture and code is SlotCode.UNPLACEABLE:
        reason = displaced_words(slot.latest) + picture.sentence
    elif picture and code is SlotCode.PLACEABLE:
        reason = picture.displaces
    return SlotWhy(
        number=slot.number,
        code=code,
        reason=reason,
        allocation=latest,
        node_name=excerpt.node_name(latest.node_id) if latest else "",
        chosen_then=chosen_then.get(slot.number, ""),
        place_now=_place(picture, latest.node_id) if picture and latest and latest.live else None,
    )


def _place(picture: Picture, node_id: NodeId) -> int:
    verdicts = picture.explanation.verdicts
    return next((one.place for one in verdicts if one.node_id == node_id), 0)


def _code(slot: SlotSeen, picture: Picture | None, recovering: bool) -> SlotCode:
    match slot.standing:
        case Standing.UNWANTED:
            return SlotCode.STOPPING if _something_left(slot) else SlotCode.STOPPED
        case Standing.VACANT if slot.leaving:
            return SlotCode.LEAVING
        case Standing.VACANT if recovering:
            return SlotCode.RECOVERING
        case Standing.VACANT:
            # One that has no picture was left out, and waits like the others.
            if picture is not None and (picture.explanation.chosen or picture.displaces):
                return SlotCode.PLACEABLE
            return SlotCode.UNPLACEABLE
        case Standing.ASSIGNED if slot.latest and slot.latest.observed.phase is Phase.EXITED:
            return SlotCode.RESTARTING
        case _:
            return _CODES[slot.standing]


_CODES = {
    Standing.ASSIGNED: SlotCode.STARTING,
    Standing.UNREADY: SlotCode.UNREADY,
    Standing.READY: SlotCode.RUNNING,
    Standing.COMPLETED: SlotCode.COMPLETED,
    Standing.FAILED: SlotCode.FAILED,
}
