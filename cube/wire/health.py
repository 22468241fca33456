"""The health check of a task file: `/health`, `{tcp: 5432}`, `{command: pg_isready}`, or in full."""

from __future__ import annotations

from typing import Any

from cube.model.spec import HealthCheck, ProbeKind
from cube.wire.fields import Field, Table, choice, integer, mapping, read_fields, text
from cube.wire.objections import Objections, at, shown, wrong
from cube.wire.quantities import duration_ms
from cube.wire.shorthand import command

_TABLE = Table(
    {
        "kind": Field("kind", choice(ProbeKind)),
        "http": Field("http", text),
        "tcp": Field("tcp", integer),
        "command": Field("command", command),
        "path": Field("path", text),
        "port": Field("port", integer),
        "interval": Field("interval_ms", duration_ms),
        "interval_ms": Field("interval_ms", integer),
        "timeout": Field("timeout_ms", duration_ms),
        "timeout_ms": Field("timeout_ms", integer),
        "grace": Field("grace_ms", duration_ms),
        "grace_ms": Field("grace_ms", integer),
        "retries": Field("failures", integer),
        "failures": Field("failures", integer),
        "successes": Field("successes", integer),
    },
    {
        "startperiod": "did you mean `grace`?",
        "initialdelay": "did you mean `grace`?",
        "initialdelayseconds": 'write `grace: "10s"`',
        "periodseconds": 'write `interval: "10s"`',
        "timeoutseconds": 'write `timeout: "2s"`',
        "failurethreshold": "did you mean `failures`?",
        "successthreshold": "did you mean `successes`?",
        "httpget": 'write `http: "/health"`',
        "tcpsocket": "write `tcp: 5432`",
        "exec": "did you mean `command`?",
        "test": "did you mean `command`?",
        "type": "did you mean `kind`?",
        "url": 'write `http: "/health"` and, if needed, `port`',
    },
)


def health(value: object, path: str) -> HealthCheck:
    """Read a health check. Text is a path to ask for by HTTP."""
    if isinstance(value, str):
        if value.startswith("/"):
            return HealthCheck(ProbeKind.HTTP, path=value)
        raise wrong(path, f'expected a path like "/health" or a mapping, got {shown(value)}')
    objections = Objections()
    values = read_fields(mapping(value, path), path, _TABLE, objections)
    _settle_kind(values, path, objections)
    objections.raise_any()
    return HealthCheck(**values)


def _settle_kind(values: dict[str, Any], path: str, objections: Objections) -> None:
    """Turn `http`, `tcp`, or a `command` or `path` without a kind, into the kind they stand for."""
    asked = [word for word in ("http", "tcp", "command") if word in values]
    if "kind" in values:
        for short, _ in _SHORT_FORMS:
            if short in values:
                objections.add(at(path, short), "says the same as `kind`; keep one of the two")
        return
    if len(asked) > 1:
        objections.add(path, f"asks in {len(asked)} ways ({', '.join(asked)}); keep one")
    elif not asked and "path" not in values:
        objections.add(
            path, 'does not say how to ask; add `http: "/health"`, `tcp: 80` or `command`'
        )
    for short, full in _SHORT_FORMS:
        if short in values and full in values:
            objections.add(at(path, full), f"says the same as `{short}`; keep one of the two")
        elif short in values:
            values[full] = values.pop(short)
    values["kind"] = ProbeKind(asked[0] if asked else "http")


_SHORT_FORMS = (("http", "path"), ("tcp", "port"))  # what each is in full
