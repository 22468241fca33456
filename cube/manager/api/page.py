"""`/` and `/page/...`: the web page. Open to all: whoever may not see the cluster gets the page without it."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest

from aiohttp import hdrs, web

import cube
from cube.core.cluster import Cluster
from cube.core.roster import settled
from cube.core.summary import state_of
from cube.manager.callers import caller
from cube.manager.concerns import all_concerns
from cube.manager.decider import Decider
from cube.manager.doors import Core, History
from cube.manager.intake import Query
from cube.manager.page.assets import assets, frame, preload
from cube.manager.page.rendering import Sight, drawn, fill
from cube.manager.revisions import matches
from cube.manager.views import event_view, moment, node_view, task_view
from cube.model.role import Role
from cube.model.task import Task, TaskState
from cube.wire.operation import HTML
from cube.wire.routes import ASSETS, PAGE
from cube.wire.views import NodeView, TaskView

TASKS_DRAWN = 200  # 6 ms, and more than anybody reads without a filter; the scripts show all
NODES_DRAWN = 200
SLOTS_READ = 10  # of one task, to say where it runs
EVENTS_DRAWN = 30

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing but the page's own files is loaded or run, whatever a name or a log line holds."""

_GUARDED = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_URGENCY = [
    TaskState.FAILED,
    TaskState.PENDING,
    TaskState.SCHEDULED,
    TaskState.RUNNING,
    TaskState.COMPLETED,
]
_REFRESH = '<noscript><meta http-equiv="refresh" content="5"></noscript>'


class PageApi:
    """`GET /` and the files that it is made of."""

    def __init__(self, decider: Decider, history: History) -> None:
        self._decider = decider
        self._history = history

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [web.get(PAGE, self.page), web.get(ASSETS, self.asset)]

    async def page(self, request: web.Request) -> web.Response:
        """Send the page; with the cluster drawn into it for whoever may see that."""
        Query(request).end()
        parts = {"version": cube.__version__, "preload": preload()}
        if _sees():
            parts |= {"refresh": _REFRESH, **drawn(await self._sight())}
        return web.Response(
            text=fill(frame(), parts),
            content_type=HTML,
            charset="utf-8",
            headers=_GUARDED | {hdrs.CACHE_CONTROL: "no-store"},
        )

    async def asset(self, request: web.Request) -> web.Response:
        """Send a file of the page, or say that the browser has it."""
        Query(request).end()
        asset = assets().get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        # Asked for anew each time, and answered with 304: after an update no page is made of old and new files.
        headers = _GUARDED | {hdrs.ETAG: asset.tag, hdrs.CACHE_CONTROL: "no-cache"}
        if matches(request.headers.get(hdrs.IF_NONE_MATCH), asset.tag):
            return web.Response(status=304, headers=headers)
        return web.Response(
            body=asset.body, content_type=asset.media, charset="utf-8", headers=headers
        )

    async def _sight(self) -> Sight:
        events = await self._history.events(limit=EVENTS_DRAWN, newest=True)
        attention = await all_concerns(self._decider)
        nodes = await self._decider.read(self._nodes)
        tasks, left_out, revision = await self._decider.read(self._tasks)
        return Sight(
            at=moment(self._decider.now().wall_ms),
            revision=revision,
            attention=attention,
            nodes=nodes,
            tasks=tasks,
            left_out=left_out,
            events=tuple(event_view(event) for event in reversed(events)),
        )

    def _nodes(self, core: Core) -> tuple[NodeView, ...]:
        now = self._decider.now()
        chosen = nsmallest(NODES_DRAWN, core.cluster.nodes.values(), key=lambda node: node.name)
        return tuple(node_view(node, core, now) for node in chosen)

    def _tasks(self, core: Core) -> tuple[tuple[TaskView, ...], int, int]:
        """Return those that most need to be seen, how many others there are, and as of which revision."""
        cluster, now_ms = core.cluster, self._decider.now().wall_ms
        wanted = [
            one for one in cluster.tasks.values() if not settled(one, cluster.rosters[one.id])
        ]
        chosen = _most_urgent(wanted, cluster)
        views = tuple(_view(task, cluster, now_ms) for task in chosen)
        return views, len(wanted) - len(chosen), cluster.revision


def _sees() -> bool:
    """Whether the caller may see the cluster: the one place where the page asks for the role of a viewer.

    A browser that opens the page shows no token; whom the kernel does not name sees it once the scripts have asked.
    """
    who = caller()
    return who is not None and who.principal is not None and who.principal.may(Role.VIEWER)


def _most_urgent(tasks: Iterable[Task], cluster: Cluster) -> list[Task]:
    return nsmallest(
        TASKS_DRAWN,
        tasks,
        key=lambda task: (_URGENCY.index(state_of(task, cluster.rosters[task.id])), task.name),
    )


def _view(task: Task, cluster: Cluster, now_ms: int) -> TaskView:
    slots = list(cluster.slots(task.id).values())[:SLOTS_READ]
    return task_view(task, cluster, now_ms, slots)
