"""The messages of `GET /watch`, made of what the cluster is. The same state and time give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest

import msgspec

from cube import __version__
from cube.core.attention import about_node, about_task, worst_first
from cube.core.cluster import Cluster
from cube.core.roster import Standing
from cube.manager.doors import Core
from cube.manager.views import node_view, task_view
from cube.model.concern import Concern, Severity
from cube.model.ids import NodeId, TaskId
from cube.model.node import Node
from cube.model.task import Task
from cube.model.timing import Instant
from cube.wire.codec import encode_view
from cube.wire.views import NodeView
from cube.wire.watch import SLOTS_SHOWN, AttentionView, Gone, WatchedTask, WatchKind

CONCERNS_SHOWN = 100


class Looks(msgspec.Struct):
    """How some tasks and nodes stood at one moment."""

    tasks: list[WatchedTask] = []
    nodes: list[NodeView] = []
    gone: list[tuple[WatchKind, str]] = []
    concerns: dict[str, Concern | None] = {}  # by id; None: there is nothing wrong with it
    revision: int = 0


def look_at(core: Core, tasks: Iterable[TaskId], nodes: Iterable[NodeId], now: Instant) -> Looks:
    """Return how these stand, and which of them are there no more."""
    looks, cluster = Looks(revision=core.cluster.revision), core.cluster
    for node_id in nodes:
        if (node := cluster.nodes.get(node_id)) is None:
            looks.gone.append((WatchKind.NODE_GONE, node_id))
            looks.concerns[node_id] = None
        else:
            looks.nodes.append(node_view(node, core, now))
            looks.concerns[node_id] = node_concern(node, core)
    for task_id in tasks:
        if (task := cluster.tasks.get(task_id)) is None:
            looks.gone.append((WatchKind.TASK_GONE, task_id))
            looks.concerns[task_id] = None
        else:
            looks.tasks.append(watched_task(task, cluster, now.wall_ms))
            looks.concerns[task_id] = about_task(task, cluster, now.wall_ms)
    return looks


def node_concern(node: Node, core: Core) -> Concern | None:
    """Return the worst of the node, as the core and this manager know it."""
    return about_node(node, core.cluster, usage=core.usage(node.id), version=__version__)


def changes(looks: Looks) -> list[tuple[WatchKind, bytes]]:
    """Return what tells of these looks, encoded."""
    told = [(kind, encode_view(Gone(id))) for kind, id in looks.gone]
    told += [(WatchKind.NODE, encode_view(node)) for node in looks.nodes]
    told += [(WatchKind.TASK, encode_view(task)) for task in looks.tasks]
    return told


def framed(kind: WatchKind, data: bytes, id: str = "") -> bytes:
    """Return a server-sent event. One without an id is no place to resume from."""
    head = f"id: {id}\nevent: {kind}\n" if id else f"event: {kind}\n"
    return b"%bdata: %b\n\n" % (head.encode(), data)


def watched_task(task: Task, cluster: Cluster, now_ms: int) -> WatchedTask:
    """Return the view of the task; of very many slots only those that most need to be seen."""
    slots = cluster.slots(task.id)
    left_out = max(0, len(slots) - SLOTS_SHOWN)
    shown = None
    if left_out:
        shown = nsmallest(
            SLOTS_SHOWN,
            slots.values(),
            key=lambda slot: (slot.standing >= Standing.READY, slot.number),
        )
    view = task_view(task, cluster, now_ms, shown)
    fields = {name: getattr(view, name) for name in view.__struct_fields__}
    return WatchedTask(**fields, left_out=left_out)


def attention_view(concerns: Iterable[Concern]) -> AttentionView:
    """Return the concerns in the order to read them, and how many there are of each severity."""
    ordered = worst_first(concerns)
    counts = dict.fromkeys(Severity, 0)
    for concern in ordered:
        counts[concern.severity] += 1
    return AttentionView(
        errors=counts[Severity.ERROR],
        warnings=counts[Severity.WARNING],
        notices=counts[Severity.NOTICE],
        concerns=tuple(ordered[:CONCERNS_SHOWN]),
    )
