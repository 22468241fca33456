"""The task documents of cube's ancestors: the book's and gokube's `Task`, bare or inside a `TaskEvent`.

Their Go decoders match keys in any case, and the two spell some differently; here underscores do not count either.
What those programs report (`State`, `HostPorts`, `StartTime`, …) is accepted and means nothing. Cube's own keys work
beside theirs, so that a task can grow without being rewritten.
"""

from __future__ import annotations

import re
from typing import Any

from cube.model.ids import TaskId
from cube.model.spec import HealthCheck, Port, Protocol, RestartPolicy, TaskSpec
from cube.wire.canonical import FIELDS, HINTS, build_spec, task_id
from cube.wire.fields import Field, Table, fold, ignored, mapping, read_fields
from cube.wire.health import health
from cube.wire.objections import Objections, at, shown, wrong
from cube.wire.shorthand import Restart, restart

_COMPLETED = 3  # in an event, this state asks for the task to be stopped

_ContainerPort = tuple[int, Protocol]
_PORT_KEY = re.compile(r"([0-9]{1,5})(?:/(tcp|udp))?")
_HOST_PORT = re.compile(r"[0-9]{1,5}")


def _event_state(value: object, path: str) -> None:
    if value == _COMPLETED and not isinstance(value, bool):
        raise wrong(path, "3 asks to stop the task; send DELETE /task/{id}, or use `cube stop`")


def _exposed(value: object, path: str) -> list[_ContainerPort]:
    objections = Objections()
    ports = [objections.read(_container_port, key, at(path, key)) for key in mapping(value, path)]
    objections.raise_any()
    return [port for port in ports if port]


def _bindings(value: object, path: str) -> dict[_ContainerPort, int]:
    objections = Objections()
    found: dict[_ContainerPort, int] = {}
    for key, item in mapping(value, path).items():
        container_port = objections.read(_container_port, key, at(path, key))
        host_port = objections.read(_host_port, item, at(path, key))
        if container_port is not None and host_port is not None:
            found[container_port] = host_port
    objections.raise_any()
    return found


def _container_port(value: object, path: str) -> _ContainerPort:
    match = _PORT_KEY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(path, f'{shown(value)} is no port; write "7777/tcp"')
    return int(match[1]), Protocol(match[2] or "tcp")


def _host_port(value: object, path: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (not value or _HOST_PORT.fullmatch(value)):
        return int(value or 0)  # as in docker, none given means any
    raise wrong(path, f'expected a host port like "7777", got {shown(value)}')


def _restart_policy(value: object, path: str) -> Restart:
    if value == "":  # Go's zero value: nothing was said
        return Restart(RestartPolicy.ON_FAILURE)
    return restart(value, path)


def _health_check(value: object, path: str) -> HealthCheck | None:
    return health(value, path) if value != "" else None


_THEIRS = {
    "ExposedPorts": Field("exposed", _exposed),
    "ExposedPort": Field("exposed", _exposed),
    "PortBindings": Field("bindings", _bindings),
    "RestartPolicy": Field("restart", _restart_policy),
    "HealthCheck": Field("health", _health_check),
    "ContainerID": Field("", ignored),
    "State": Field("", ignored),
    "HostPorts": Field("", ignored),
    "StartTime": Field("", ignored),
    "FinishTime": Field("", ignored),
    "RestartCount": Field("", ignored),
}
_TASK = Table({**FIELDS, **_THEIRS}, HINTS, folded=True)
_EVENT_FIELDS = {
    "ID": Field("", task_id),
    "State": Field("", _event_state),
    "Timestamp": Field("", ignored),
    "Task": Field("task", mapping),
}
_EVENT = Table(_EVENT_FIELDS, folded=True)
_THEIR_KEYS = frozenset(
    map(fold, (*_THEIRS, *_EVENT_FIELDS, "Name", "Image", "Cpu", "Memory", "Disk"))
)


def is_ancestral(document: dict[str, object]) -> bool:
    """Whether a key is the ancestors' and not cube's own."""
    return any(key not in FIELDS and fold(key) in _THEIR_KEYS for key in document)


def decode_ancestral(document: dict[str, object]) -> tuple[TaskId | None, TaskSpec]:
    """Return the task's id, if it has one, and its spec. In an envelope the id is that of the task inside."""
    objections = Objections()
    inside = next((key for key in document if fold(key) == "task"), None)
    if inside is None:
        return _decode_task(document, "", objections)
    values = read_fields(document, "", _EVENT, objections)
    if "task" not in values:
        objections.add(inside, "is empty; it holds the task itself")
    if values.get("task") is None:
        objections.raise_any()
    return _decode_task(values["task"], inside, objections)


def _decode_task(
    document: dict[str, object], path: str, objections: Objections
) -> tuple[TaskId | None, TaskSpec]:
    values = read_fields(document, path, _TASK, objections)
    identity: TaskId | None = values.pop("id", None)
    _settle_ports(values, path, objections)
    return identity, build_spec(values, path, objections)


def _settle_ports(values: dict[str, Any], path: str, objections: Objections) -> None:
    """Make ports of what is exposed (any host port) and what is bound (that host port)."""
    exposed: list[_ContainerPort] | None = values.pop("exposed", None)
    bindings: dict[_ContainerPort, int] | None = values.pop("bindings", None)
    if exposed is None and bindings is None:
        return
    if "ports" in values:
        objections.add(at(path, "ports"), "says the same as the other port keys; keep one form")
    host_ports = dict.fromkeys(exposed or [], 0) | (bindings or {})
    values["ports"] = tuple(
        Port(number, host_port, protocol) for (number, protocol), host_port in host_ports.items()
    )
