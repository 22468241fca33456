"""Placing explained and foretold: `GET /task/{ref}/explain`, and changes with `?dry_run=1`. Nothing here is recorded.

Looking at every node takes longer than others may be kept waiting: only an excerpt is taken between two decisions, and
the rest is computed aside.
"""

from __future__ import annotations

from functools import partial

from aiohttp import web

from cube.aio.aside import Aside
from cube.core.effects import Rejected
from cube.core.excerpt import Excerpt, excerpt_of
from cube.core.inputs import Apply, Submit
from cube.core.plan import Draft, draft, plan
from cube.core.summary import state_of
from cube.core.why import why
from cube.errors import NotFound, Recovering
from cube.manager.decider import Decider
from cube.manager.doors import Core, History
from cube.manager.intake import Query, reference
from cube.manager.lookup import find_task
from cube.manager.placement_views import plan_view, why_view
from cube.manager.replies import Reply, error_of, shown
from cube.model.event import EventKind
from cube.model.task import TaskState
from cube.wire.routes import TASKS

EVENTS_READ = 1_000  # assignments looked through for the reasons that were recorded


class PlacementApi:
    """Explains and foretells."""

    def __init__(self, decider: Decider, history: History, aside: Aside, strategy: str) -> None:
        self._decider = decider
        self._history = history
        self._aside = aside
        self._strategy = strategy

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [web.get(f"{root}/{{ref}}/explain", self.explain) for root in TASKS]

    async def explain(self, request: web.Request) -> web.Response:
        """Say why the task runs where it runs, or does not run; with `?slot=` of one slot."""
        found = reference(request)
        query = Query(request)
        asked = query.integer("slot")
        query.end()

        def look(core: Core) -> tuple[Excerpt, TaskState, str]:
            task = find_task(core.cluster, found)
            excerpt = excerpt_of(
                core.cluster, task, strategy=self._strategy, now=self._decider.now()
            )
            state = state_of(task, core.cluster.rosters[task.id])
            return excerpt, state, core.recovering or ""

        excerpt, state, recovering = await self._decider.read(look)
        if asked is not None and all(slot.number != asked for slot in excerpt.slots):
            name = excerpt.task.name
            raise NotFound(f"task {name} has no slot {asked}", hint=f"see: cube status {name}")
        chosen = await self._chosen_then(excerpt, asked)

        def work() -> Reply:
            told = why(excerpt, asked=asked, chosen_then=chosen, recovering=bool(recovering))
            return shown(why_view(excerpt, state, told, recovering))

        return (await self._aside.compute(work)).response()

    async def foretell(self, wish: Submit | Apply) -> Reply:
        """Return what the wish would change. Refused as the wish itself would be."""
        drafted = await self._decider.read(partial(self._draft, wish=wish))
        if isinstance(drafted, Rejected):
            raise error_of(drafted)
        return await self._aside.compute(
            lambda: shown(plan_view(drafted, plan(drafted.excerpt, drafted.before)))
        )

    def _draft(self, core: Core, wish: Submit | Apply) -> Draft | Rejected:
        if core.recovering is not None:
            words = (
                f"the ledger is being recovered and nothing can be changed yet: {core.recovering}"
            )
            raise Recovering(words)
        return draft(core.cluster, wish, strategy=self._strategy, now=self._decider.now())

    async def _chosen_then(self, excerpt: Excerpt, asked: int | None) -> dict[int, str]:
        """Return why the node of each slot was chosen, as far as that is still on record."""
        revisions = {
            slot.latest.revision: slot.number
            for slot in excerpt.slots
            if slot.latest and asked in (None, slot.number)
        }
        if not revisions:
            return {}
        oldest = min(revisions)
        events = await self._history.events(
            after=max(0, oldest - 1),
            limit=EVENTS_READ,
            task_id=excerpt.task.id,
            kind=EventKind.ALLOCATION_ASSIGNED,
        )
        return {
            revisions[event.revision]: event.message
            for event in events
            if event.revision in revisions and event.message
        }
