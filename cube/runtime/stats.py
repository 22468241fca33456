"""What the engine counts of a container: processor time and memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from cube.model.usage import Consumption
from cube.runtime.engine import Engine, container_path
from cube.runtime.failures import Asked, Refused, Verb

STATS_SECONDS = 3.0  # a cgroup is read in a few milliseconds
# Without `one-shot` the engine waits a second for a second reading, to make a rate that we make ourselves.
ONCE = {"stream": "false", "one-shot": "true"}
UNLIMITED = 1 << 60  # cgroup v1 says "no limit" by a number near 2^63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _CpuUsage(msgspec.Struct, frozen=True):
    total_usage: int = 0


class _CpuStats(msgspec.Struct, frozen=True):
    cpu_usage: _CpuUsage = _CpuUsage()


class _MemoryDetails(msgspec.Struct, frozen=True):
    inactive_file: int = 0  # cgroup v2
    total_inactive_file: int = 0  # cgroup v1, with what is below
    hierarchical_memory_limit: int = 0


class _MemoryStats(msgspec.Struct, frozen=True):
    usage: int = 0
    limit: int = 0
    stats: _MemoryDetails = _MemoryDetails()


class EngineStats(msgspec.Struct, frozen=True):
    """The part of `GET /containers/{id}/stats` that says what it uses."""

    read: datetime
    cpu_stats: _CpuStats = _CpuStats()
    memory_stats: _MemoryStats = _MemoryStats()

    def consumption(self) -> Consumption | None:
        """Return the counters; None of a container that does not run: the engine answers with zeros."""
        memory = self.memory_stats
        if not (self.cpu_stats.cpu_usage.total_usage or memory.usage):
            return None
        cache = memory.stats.total_inactive_file or memory.stats.inactive_file
        bounds = (memory.limit, memory.stats.hierarchical_memory_limit)
        return Consumption(
            cpu_ns=self.cpu_stats.cpu_usage.total_usage,
            at_ns=(self.read - _EPOCH) // timedelta(microseconds=1) * 1000,
            memory_bytes=max(0, memory.usage - cache),
            memory_limit_bytes=min((one for one in bounds if 0 < one < UNLIMITED), default=0),
        )


async def read_consumption(engine: Engine, container_id: str) -> Consumption | None:
    """Return what the container has used; None when it does not run or is gone."""
    path = container_path(container_id, "stats")
    asked = Asked(Verb.STATS, container_id)
    try:
        stats = await engine.ask_for(EngineStats, asked, path, STATS_SECONDS, params=ONCE)
    except Refused as refused:
        if refused.status in (404, 409):
            return None
        raise
    return stats.consumption()
