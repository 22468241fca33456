"""What the API shows of placing: why a task is where it is, and what a change would do. Pure."""

from __future__ import annotations

import math

from cube.core.answer import answer
from cube.core.excerpt import Excerpt
from cube.core.plan import Draft, Plan, SlotPlan
from cube.core.scheduler.explain import NodeVerdict
from cube.core.why import Picture, SlotWhy, Why
from cube.manager.views import moment
from cube.model.ids import NodeId
from cube.model.task import Goal, TaskState
from cube.wire.placement_views import (
    FieldChangeView,
    NodeVerdictView,
    PictureView,
    PlanView,
    RemedyView,
    SlotPlanView,
    SlotWhyView,
    WhyView,
)


def why_view(excerpt: Excerpt, state: TaskState, found: Why, recovering: str) -> WhyView:
    """Return the whole answer. `recovering`: what a recovery of the ledger waits for, empty when none is going on."""
    task = excerpt.task
    return WhyView(
        task_id=task.id,
        task=task.name,
        state=state,
        strategy=excerpt.strategy_name,
        answer=answer(excerpt, found, recovering),
        waits=found.waits,
        slots=tuple(_slot_view(excerpt, slot) for slot in found.slots),
        pictures=tuple(map(_picture_view, found.pictures)),
        left_out=found.left_out,
    )


def plan_view(draft: Draft, planned: Plan) -> PlanView:
    """Return the plan with the names of things."""
    excerpt, before = draft.excerpt, draft.before
    return PlanView(
        task=excerpt.task.name,
        revision=before.revision if before and before.goal is Goal.RUN else 0,
        new=planned.new,
        changed=planned.changed,
        fits=planned.fits,
        spec=excerpt.task.spec,
        fields=tuple(
            FieldChangeView(path=one.path, before=one.before, after=one.after)
            for one in planned.fields
        ),
        slots=tuple(_slot_plan_view(excerpt, slot) for slot in planned.slots),
    )


def _slot_view(excerpt: Excerpt, slot: SlotWhy) -> SlotWhyView:
    allocation = slot.allocation
    return SlotWhyView(
        name=excerpt.name_of(slot.number),
        slot=slot.number,
        code=slot.code,
        reason=slot.reason,
        node=slot.node_name or None,
        node_id=allocation.node_id if allocation else None,
        assigned_at=moment(allocation.assigned_ms) if allocation else None,
        restarts=allocation.observed.restart if allocation else 0,
        chosen_then=slot.chosen_then,
        place_now=slot.place_now,
    )


def _picture_view(picture: Picture) -> PictureView:
    found = picture.explanation
    return PictureView(
        slots=picture.slots,
        chosen=found.verdicts[0].node_name if found.chosen else None,
        why_chosen=found.why_chosen,
        reason=picture.sentence,
        nearest=found.nearest.node_name if found.nearest else None,
        nodes=tuple(map(_verdict_view, found.verdicts)),
        remedies=tuple(
            RemedyView(code=one.code, message=one.message, nodes=one.nodes)
            for one in found.remedies
        ),
    )


def _verdict_view(verdict: NodeVerdict) -> NodeVerdictView:
    refusal = verdict.refusal
    if refusal is None:
        scores = {
            one.term: one.value if math.isfinite(one.value) else None for one in verdict.scores
        }
        return NodeVerdictView(
            node=verdict.node_name, node_id=verdict.node_id, place=verdict.place, scores=scores
        )
    return NodeVerdictView(
        node=verdict.node_name,
        node_id=verdict.node_id,
        code=refusal.code,
        reason=refusal.message,
        about=refusal.about,
        short=refusal.short,
        extras_short_millis=dict(refusal.extras_short),
    )


def _slot_plan_view(excerpt: Excerpt, slot: SlotPlan) -> SlotPlanView:
    def name(node_id: NodeId | None) -> str | None:
        return None if node_id is None else excerpt.node_name(node_id)

    return SlotPlanView(
        name=excerpt.name_of(slot.number),
        slot=slot.number,
        action=slot.action,
        step=slot.step,
        before=name(slot.before),
        after=name(slot.after),
        reason=slot.why,
        codes=slot.codes,
        displaces=slot.displaces,
    )
