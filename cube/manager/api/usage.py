"""`/usage`: what containers use now, measured because somebody asks."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from cube.core.cluster import Cluster
from cube.manager.decider import Decider
from cube.manager.intake import Query
from cube.manager.lookup import find_node, find_task
from cube.manager.replies import json_response
from cube.manager.samples import Samples
from cube.model.ids import AllocationId, NodeId, slot_name
from cube.model.usage import AllocationUsage
from cube.wire.routes import USAGE
from cube.wire.views import AllocationUsageView, UsageView


class UsageApi:
    """`GET /usage`."""

    def __init__(self, decider: Decider, samples: Samples) -> None:
        self._decider = decider
        self._samples = samples

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [web.get(USAGE, self.usage)]

    async def usage(self, request: web.Request) -> web.Response:
        """Show what runs uses: everything, or of one task, or on one node. Nodes that do not tell are named."""
        query = Query(request)
        task, node = query.reference("task"), query.reference("node")
        query.end()
        wanted = await self._decider.read(lambda core: _wanted(core.cluster, task, node))
        taken = await self._samples.take({node_id for node_id, _ in wanted.values()})
        told = [one for some in taken.values() for one in some or ()]
        view = UsageView(
            at=datetime.fromtimestamp(self._decider.now().wall_ms / 1000, UTC),
            allocations=tuple(_view(one, wanted[one.id][1]) for one in told if one.id in wanted),
            silent=await self._decider.read(
                lambda core: tuple(
                    _name(core.cluster, id) for id, some in taken.items() if some is None
                )
            ),
        )
        return json_response(view)


Wanted = dict[AllocationId, tuple[NodeId, str]]


def _wanted(cluster: Cluster, task: str | None, node: str | None) -> Wanted:
    """Return node and name of each allocation that may have a container, of one task and on one node if told."""
    task_id = find_task(cluster, task).id if task else None
    node_id = find_node(cluster, node).id if node else None
    return {
        one.id: (one.node_id, slot_name(cluster.tasks[one.task_id].name, one.slot))
        for one in cluster.allocations.values()
        if one.live
        and (task_id is None or one.task_id == task_id)
        and (node_id is None or one.node_id == node_id)
    }


def _view(usage: AllocationUsage, name: str) -> AllocationUsageView:
    return AllocationUsageView(
        id=usage.id,
        name=name,
        cpu_millis=usage.cpu_millis,
        memory_bytes=usage.memory_bytes,
        memory_limit_bytes=usage.memory_limit_bytes,
    )


def _name(cluster: Cluster, node_id: NodeId) -> str:
    node = cluster.nodes.get(node_id)
    return node.name if node else node_id
