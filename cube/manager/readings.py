"""What a scrape reads of the manager's parts: the values of all gauges, by name and labels."""

from __future__ import annotations

import platform

import cube
from cube.aio.aside import Aside
from cube.core.roster import Standing
from cube.instruments import Readings
from cube.manager.census import Census, Count, NodeCount
from cube.manager.decider import Decider
from cube.manager.feed import Feed
from cube.manager.session import Sessions
from cube.manager.streams import Streams
from cube.model.resources import Resources
from cube.model.task import TaskState
from cube.store.ledger import Ledger

_CPU, _MEMORY, _DISK = "cube_node_cpu_cores", "cube_node_memory_bytes", "cube_node_disk_bytes"


class Gauges:
    """Reads the parts of one manager."""

    def __init__(
        self,
        *,
        decider: Decider,
        ledger: Ledger,
        sessions: Sessions,
        feed: Feed,
        streams: Streams,
        aside: Aside,
    ) -> None:
        self._decider = decider
        self._ledger = ledger
        self._sessions = sessions
        self._feed = feed
        self._streams = streams
        self._aside = aside
        self._census = Census(lambda: decider.core, decider.now)

    async def read(self) -> Readings:
        """Return all values as of now; those of the tasks and nodes as of the last count."""
        count = await self._census.take()
        sizes = await self._aside.compute(self._ledger.sizes)
        return {
            **_of_count(count),
            "cube_ledger_size_bytes": {(name,): size for name, size in sizes.items()},
            **self._of_parts(),
        }

    def _of_parts(self) -> Readings:
        cluster = self._decider.core.cluster
        return {
            "cube_build_info": {(cube.__version__, platform.python_version()): 1},
            **{
                name: {(): float(value)}
                for name, value in {
                    "cube_allocations": len(cluster.allocations),
                    "cube_revision": cluster.revision,
                    "cube_decisions_in_flight": self._decider.in_flight,
                    "cube_writable": self._decider.doubt is None,
                    "cube_ledger_transactions_total": self._ledger.transactions,
                    "cube_sessions": len(self._sessions),
                    "cube_streams": len(self._streams),
                    "cube_feed_followers": len(self._feed),
                    "cube_feed_dropped_total": self._feed.dropped,
                }.items()
            },
        }


def _of_count(count: Count) -> Readings:
    wanted = [standing for standing in Standing if standing is not Standing.UNWANTED]
    return {
        # Also where there is none of them: an alert is about a series that is there.
        "cube_tasks": {(state.value,): count.tasks[state] for state in TaskState},
        "cube_slots": {(one.name.lower(),): count.slots[one] for one in wanted},
        "cube_slots_pending": {(reason,): number for reason, number in count.pending.items()},
        "cube_nodes": {
            (condition.value, availability.value): number
            for (condition, availability), number in count.nodes.items()
        },
        **_of_nodes(count.each_node),
    }


def _of_nodes(nodes: list[NodeCount]) -> Readings:
    cpu: dict[tuple[str, ...], float] = {}
    memory: dict[tuple[str, ...], float] = {}
    disk: dict[tuple[str, ...], float] = {}
    for node in nodes:
        for kind, amount in _amounts(node).items():
            cpu[node.name, kind] = amount.cpu_millis / 1000
            memory[node.name, kind] = amount.memory_bytes
            disk[node.name, kind] = amount.disk_bytes
    return {
        "cube_node_up": {(node.name,): float(node.up) for node in nodes},
        "cube_node_lease_age_seconds": {
            (node.name,): node.lease_age for node in nodes if node.lease_age is not None
        },
        "cube_node_allocations": {(node.name,): node.allocations for node in nodes},
        _CPU: cpu,
        _MEMORY: memory,
        _DISK: disk,
    }


def _amounts(node: NodeCount) -> dict[str, Resources]:
    told = {"capacity": node.capacity, "reserved": node.reserved}
    return told if node.used is None else told | {"used": node.used}
