"""One task on a page: what was asked for, where it is, how long each step took, what happened last. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from cube.cli.tables import (
    Table,
    event_table,
    extras_words,
    labels_text,
    slot_table,
    state_word,
)
from cube.cli.timeline import timeline_table
from cube.cli.words import age, cores, size
from cube.core.words import seconds
from cube.model.spec import HealthCheck, Port, ProbeKind, RestartPolicy, TaskSpec, Volume
from cube.wire.views import EventView, TaskDetail

RECENT_EVENTS = 10


def task_page(
    task: TaskDetail, events: Sequence[EventView], now: datetime
) -> Iterator[list[str] | Table]:
    """Yield the parts of the page, from top to bottom: lines of text, and tables."""
    yield fact_lines(_facts(task, now))
    if task.allocations or task.waiting:
        yield slot_table(task, now)
    if (timeline := timeline_table(task, events)) is not None:
        yield timeline
    if events:
        yield event_table(events[-RECENT_EVENTS:], now)


def fact_lines(facts: dict[str, str]) -> list[str]:
    """Return one aligned line for each fact that there is."""
    return [f"{key + ':':<13}{value}" for key, value in facts.items() if value]


def _facts(task: TaskDetail, now: datetime) -> dict[str, str]:
    spec = task.spec
    return {
        "name": task.name,
        "id": task.id,
        "state": f"{state_word(task)}, {task.ready} of {task.replicas} ready",
        "reason": task.reason,
        "image": task.image,
        "command": " ".join((*spec.entrypoint, *spec.command)),
        "reserves": _reserved(spec),
        "ports": ", ".join(map(_port, spec.ports)),
        "volumes": ", ".join(map(_volume, spec.volumes)),
        "env": ", ".join(sorted(spec.env)),  # the names: values may be secrets
        "health": _health(spec.health),
        "constraints": ", ".join(spec.constraints),
        "labels": labels_text(spec.labels),
        "restarts": f"{task.restarts}, {_restart(spec)}",
        "revision": f"{task.revision}, changed {age(task.changed_at, now)} ago",
        "created": f"{task.created_at:%Y-%m-%d %H:%M:%S} UTC, {age(task.created_at, now)} ago",
    }


def _reserved(spec: TaskSpec) -> str:
    reserved = [f"{cores(spec.cpu_millis)} cores" if spec.cpu_millis else ""]
    reserved += [f"{size(spec.memory_bytes)} memory" if spec.memory_bytes else ""]
    reserved += [f"{size(spec.disk_bytes)} disk" if spec.disk_bytes else ""]
    return ", ".join(filter(None, [*reserved, extras_words(spec.extras_millis)]))


def _port(port: Port) -> str:
    host = f"{port.host_port}->" if port.host_port else ""
    return f"{host}{port.container_port}/{port.protocol}"


def _volume(volume: Volume) -> str:
    marks = [word for word in ("read_only", "shared") if getattr(volume, word)]
    return f"{volume.name} at {volume.path}" + (f" ({', '.join(marks)})" if marks else "")


def _health(check: HealthCheck | None) -> str:
    if check is None:
        return ""
    port = f":{check.port}" if check.port else ""
    asked = {
        ProbeKind.HTTP: f"http {port}{check.path}",
        ProbeKind.TCP: f"tcp {port}".rstrip(),
        ProbeKind.COMMAND: " ".join(check.command),
    }[check.kind]
    words = f"{asked} every {seconds(check.interval_ms)}, {check.failures} failures are too many"
    return f"{words}, {seconds(check.grace_ms)} of grace" if check.grace_ms else words


def _restart(spec: TaskSpec) -> str:
    most = f", at most {spec.max_restarts}" if spec.max_restarts is not None else ""
    return f"policy {spec.restart}{most if spec.restart is not RestartPolicy.NEVER else ''}"
