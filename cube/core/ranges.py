"""What the numbers in a task may be, each with its unit in the sentence that says so."""

from __future__ import annotations

from typing import Any, NamedTuple

from cube.errors import Objection

_MIB = 1024 * 1024
_PIB = 1024**5
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


class Range(NamedTuple):
    """The values of a field, and what to write there."""

    field: str
    least: int
    most: int
    advice: str
    also: int | None = None  # a value outside, with a meaning of its own


SPEC = (
    Range("replicas", 0, 10_000, "write 0 to 10000"),
    Range(
        "cpu_millis", 1, 1_000_000, "write 1 to 1000000 thousandths of a core, or 0 for no limit", 0
    ),
    Range(
        "memory_bytes",
        6 * _MIB,  # the engine refuses less
        _PIB,
        "write at least 6291456 bytes (6 MiB) and at most 1 PiB, or 0 for no limit",
        0,
    ),
    Range("disk_bytes", 0, _PIB, "write 0 bytes to 1 PiB"),
    Range("pids_limit", 1, 4_194_304, "write 1 to 4194304 processes, or -1 for no limit", -1),
    Range("stop_grace_ms", 0, _HOUR_MS, "write 0 ms to one hour (3600000 ms)"),
    Range("max_per_node", 0, 10_000, "write 1 to 10000 replicas, or 0 for no limit"),
    Range("priority", 1, 100, "write 1 to 100; 50 is the default, more is served first"),
)
MAX_RESTARTS = Range("max_restarts", 0, 1_000_000, "write 0 to 1000000, or leave it out for no end")

HEALTH = (
    Range("interval_ms", 100, _DAY_MS, "write 100 ms to one day (86400000 ms)"),
    Range("timeout_ms", 100, _HOUR_MS, "write 100 ms to one hour (3600000 ms)"),
    Range("grace_ms", 0, _DAY_MS, "write 0 ms to one day (86400000 ms)"),
    Range("failures", 1, 1_000, "write 1 to 1000 probes in a row"),
    Range("successes", 1, 1_000, "write 1 to 1000 probes in a row"),
)
HEALTH_PORT = Range("port", 1, 65_535, "write 1 to 65535, or 0 for the first of `ports`", 0)

CONTAINER_PORT = Range("container_port", 1, 65_535, "write 1 to 65535")
HOST_PORT = Range("host_port", 1, 65_535, "write 1 to 65535, or 0 for any free one", 0)

TMPFS = Range("size_bytes", 0, _PIB, "write 0 bytes to 1 PiB")
ULIMITS = tuple(
    Range(field, 0, 2**62, "write 0 or more, or -1 for no limit", -1) for field in ("soft", "hard")
)


def in_range(part: Any, allowed: Range, path: str) -> tuple[Objection, ...]:
    """Return the objection to the field of `part`, a struct found at the path; nothing when it is in range."""
    value: int = getattr(part, allowed.field)
    if allowed.least <= value <= allowed.most or value == allowed.also:
        return ()
    said = value if abs(value) < 10**30 else "far too large"
    at = f"{path}.{allowed.field}" if path else allowed.field
    return (Objection(at, f"is {said}; {allowed.advice}"),)
