"""What containers use, measured when somebody asks. Never stored, and nothing is decided by it."""

from __future__ import annotations

import msgspec

from cube.model.ids import AllocationId


class Consumption(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The counters of one container as its engine shows them. Two of them make a rate."""

    cpu_ns: int  # of processor time since its start
    at_ns: int  # when they were read, by the engine's clock
    memory_bytes: int  # without the file cache, which is given back when others need it
    memory_limit_bytes: int = 0  # 0: none


class AllocationUsage(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the container of one allocation uses now. `cpu_millis`: thousandths of a core, over the last moments."""

    id: AllocationId
    cpu_millis: int
    memory_bytes: int
    memory_limit_bytes: int = 0


def cpu_millis(before: Consumption, after: Consumption) -> int:
    """Return the thousandths of a core used between two readings; 0 where the counters began anew."""
    spent, passed = after.cpu_ns - before.cpu_ns, after.at_ns - before.at_ns
    return round(1000 * spent / passed) if passed > 0 and spent > 0 else 0
