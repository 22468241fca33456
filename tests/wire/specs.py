"""Strategies that draw task specs: any that the types allow, and documents a person may have written."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from cube.model.spec import (
    HealthCheck,
    OnDisconnect,
    Port,
    Preference,
    ProbeKind,
    Protocol,
    PullPolicy,
    RestartPolicy,
    Spread,
    TaskSpec,
    Tmpfs,
    Ulimit,
    Volume,
)

# What JSON, YAML and TOML can all carry unharmed.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
# What a person may put there, and what YAML 1.1 would have taken for something else.
_YAML_1_1 = [
    "no",
    "yes",
    "on",
    "22:30",
    "010",
    "0x1F",
    "1e3",
    "1_000",
    "null",
    "true",
    "2024-01-01",
]
_SIGNS = [
    "-",
    ":",
    "# x",
    "",
    " ",
    "1.10",
    "*a",
    "&a",
    "!x",
    "<<",
    "~",
    "=",
    "\x85",
    "a\nb\n",
    "\t",
]
TRICKY = st.sampled_from([*_YAML_1_1, *_SIGNS])
WORD = TEXT | TRICKY
NUMBER = st.integers(-(2**62), 2**62)


def _tuples(items: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(items, max_size=3).map(tuple)


_MAPPING = st.dictionaries(WORD, WORD, max_size=3)
_HEALTH = st.builds(
    HealthCheck,
    kind=st.sampled_from(ProbeKind),
    path=WORD,
    port=NUMBER,
    command=_tuples(WORD),
    interval_ms=NUMBER,
    timeout_ms=NUMBER,
    failures=NUMBER,
    successes=NUMBER,
    grace_ms=NUMBER,
)


def _spec(fields: dict[str, Any]) -> TaskSpec:
    return TaskSpec(**fields)


SPECS = st.fixed_dictionaries(
    {"name": WORD, "image": WORD},
    optional={
        "replicas": NUMBER,
        "command": _tuples(WORD),
        "entrypoint": _tuples(WORD),
        "env": _MAPPING,
        "workdir": WORD,
        "user": WORD,
        "labels": _MAPPING,
        "cpu_millis": NUMBER,
        "memory_bytes": NUMBER,
        "disk_bytes": NUMBER,
        "extras_millis": st.dictionaries(WORD, NUMBER, max_size=3),
        "pids_limit": NUMBER,
        "ulimits": _tuples(st.builds(Ulimit, WORD, NUMBER, NUMBER)),
        "cap_add": _tuples(WORD),
        "cap_drop": _tuples(WORD),
        "read_only": st.booleans(),
        "ports": _tuples(st.builds(Port, NUMBER, NUMBER, st.sampled_from(Protocol), WORD)),
        "volumes": _tuples(st.builds(Volume, WORD, WORD, st.booleans(), st.booleans())),
        "tmpfs": _tuples(st.builds(Tmpfs, WORD, NUMBER)),
        "pull": st.sampled_from(PullPolicy),
        "restart": st.sampled_from(RestartPolicy),
        "max_restarts": st.none() | NUMBER,
        "stop_signal": WORD,
        "stop_grace_ms": NUMBER,
        "health": st.none() | _HEALTH,
        "on_disconnect": st.sampled_from(OnDisconnect),
        "platform": WORD,
        "constraints": _tuples(WORD),
        "spread": _tuples(st.builds(Spread, WORD, NUMBER)),
        "prefer": _tuples(st.builds(Preference, WORD, WORD, NUMBER)),
        "max_per_node": NUMBER,
        "strategy": WORD,
        "priority": NUMBER,
        "preempt": st.booleans(),
    },
).map(_spec)
"""Specs of the right types; hardly any would be admitted."""

PLAIN_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBER | WORD | st.sampled_from([0.5, 1.0]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
"""Whatever a JSON body may hold."""

_CANONICAL = [field.name for field in msgspec.structs.fields(TaskSpec)]
_SHORT = ["extras", "cpu", "cpus", "memory", "disk", "stop_grace", "id"]
_EVENT = ["ID", "Task", "State", "Timestamp"]
_THEIRS = ["Name", "ExposedPorts", "ExposedPort", "PortBindings", "HealthCheck", "RestartPolicy"]
KEYS = st.sampled_from([*_CANONICAL, *_SHORT, *_EVENT, *_THEIRS])
"""Keys that some form of a task file has."""
