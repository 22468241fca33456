"""Every key of a task, and how its value is read. The one list that decoding, hints and the ancestors' forms share."""

from __future__ import annotations

import re
from typing import Any

from cube.model.ids import TaskId
from cube.model.spec import Network, OnDisconnect, PullPolicy, TaskSpec
from cube.wire.fields import (
    Field,
    boolean,
    choice,
    each,
    integer,
    mapping,
    require,
    text,
    written,
)
from cube.wire.health import health
from cube.wire.host_access import device, mount, secret
from cube.wire.objections import Objections, Reader, at, shown, wrong
from cube.wire.quantities import cores_millis, device_millis, duration_ms, size
from cube.wire.shorthand import (
    Restart,
    command,
    environment,
    port,
    preference,
    restart,
    spread,
    tmpfs,
    ulimits,
    volume,
)


def _amounts(read: Reader[int]) -> Reader[dict[str, int]]:
    """Return the reader of a mapping of amounts by kind."""

    def read_amounts(value: object, path: str) -> dict[str, int]:
        objections = Objections()
        found: dict[str, int] = {}
        for kind, item in mapping(value, path).items():
            if objections.full:
                break
            found[kind] = objections.read(read, item, at(path, kind)) or 0
        objections.raise_any()
        return found

    return read_amounts


extras = _amounts(device_millis)
numbers = _amounts(integer)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NO_UUID = "00000000-0000-0000-0000-000000000000"  # how Go writes an id that was not set


def task_id(value: object, path: str) -> TaskId | None:
    """Read a UUID, in lower case whatever it was written in; None for the zero one."""
    canonical = value.lower() if isinstance(value, str) and len(value) == len(_NO_UUID) else ""
    if not _UUID.fullmatch(canonical):
        raise wrong(
            path, f"expected a UUID, got {shown(value)}; leave it out and the manager makes one"
        )
    return None if canonical == _NO_UUID else TaskId(canonical)


FIELDS = {
    "id": Field("id", task_id),
    "name": Field("name", text),
    "image": Field("image", text),
    "replicas": Field("replicas", integer),
    "command": Field("command", command),
    "entrypoint": Field("entrypoint", command),
    "env": Field("env", environment),
    "workdir": Field("workdir", text),
    "user": Field("user", written),
    "labels": Field("labels", environment),
    "cpu": Field("cpu_millis", cores_millis),
    "cpus": Field("cpu_millis", cores_millis),
    "cpu_millis": Field("cpu_millis", integer),
    "memory": Field("memory_bytes", size),
    "memory_bytes": Field("memory_bytes", integer),
    "disk": Field("disk_bytes", size),
    "disk_bytes": Field("disk_bytes", integer),
    "extras": Field("extras_millis", extras),
    "extras_millis": Field("extras_millis", numbers),
    "pids_limit": Field("pids_limit", integer),
    "ulimits": Field("ulimits", ulimits),
    "cap_add": Field("cap_add", each(text)),
    "cap_drop": Field("cap_drop", each(text)),
    "read_only": Field("read_only", boolean),
    "privileged": Field("privileged", boolean),
    "devices": Field("devices", each(device)),
    "mounts": Field("mounts", each(mount)),
    "network": Field("network", choice(Network)),
    "ports": Field("ports", each(port)),
    "volumes": Field("volumes", each(volume)),
    "tmpfs": Field("tmpfs", each(tmpfs)),
    "secrets": Field("secrets", each(secret)),
    "pull": Field("pull", choice(PullPolicy)),
    "restart": Field("restart", restart),
    "max_restarts": Field("max_restarts", integer),
    "stop_signal": Field("stop_signal", written),
    "stop_grace": Field("stop_grace_ms", duration_ms),
    "stop_grace_ms": Field("stop_grace_ms", integer),
    "health": Field("health", health),
    "on_disconnect": Field("on_disconnect", choice(OnDisconnect)),
    "platform": Field("platform", text),
    "constraints": Field("constraints", each(text)),
    "spread": Field("spread", each(spread)),
    "prefer": Field("prefer", each(preference)),
    "max_per_node": Field("max_per_node", integer),
    "strategy": Field("strategy", text),
    "priority": Field("priority", integer),
    "preempt": Field("preempt", boolean),
}

_IN_HEALTH = "it belongs under `health`"
_IN_PORTS = "it belongs in an entry of `ports`"
_NOT_OFFERED = "cube gives no container this; remove it"
_COMPOSE = "this looks like a compose file; a task file holds one task, its keys at the top"

HINTS = {
    **dict.fromkeys(("http", "tcp", "interval", "intervalms", "timeout", "timeoutms"), _IN_HEALTH),
    **dict.fromkeys(("grace", "gracems", "retries", "failures", "successes"), _IN_HEALTH),
    **dict.fromkeys(("containerport", "hostport", "protocol", "hostip"), _IN_PORTS),
    **dict.fromkeys(("securityopt", "cgroupparent", "pid", "ipc", "uts"), _NOT_OFFERED),
    **dict.fromkeys(("usernsmode", "userns", "runtime", "sysctls"), _NOT_OFFERED),
    **dict.fromkeys(("pidmode", "ipcmode", "utsmode", "binds", "volumesfrom"), _NOT_OFFERED),
    **dict.fromkeys(("networks", "networkmode"), "did you mean `network`? It is bridge or host"),
    "secret": "did you mean `secrets`? It is a list of names",
    "mount": "did you mean `mounts`? It is a list",
    "device": "did you mean `devices`? It is a list",
    **dict.fromkeys(("services", "deploy", "build", "dependson"), _COMPOSE),
    "gpus": 'did you mean `extras`? Write {"gpu": 1}',
    "apiversion": "this looks like a Kubernetes manifest; see the files in task-examples",
    "spec": "send what is inside it: the keys of a task stand at the top",
    "environment": "did you mean `env`?",
    "workingdir": "did you mean `workdir`?",
    "args": "did you mean `command`?",
    "cmd": "did you mean `command`?",
    "containername": "did you mean `name`?",
    "count": "did you mean `replicas`?",
    "instances": "did you mean `replicas`?",
    "scale": "did you mean `replicas`?",
    "memlimit": "did you mean `memory`?",
    "path": "it belongs under `health`, `volumes` or `tmpfs`",
    "port": 'did you mean `ports`? It is a list: ["8080:80"]',
    "publish": "did you mean `ports`?",
    "pullpolicy": "did you mean `pull`?",
    "stopgraceperiod": "did you mean `stop_grace`?",
    "stoptimeout": "did you mean `stop_grace`?",
    "startperiod": "did you mean `grace`, under `health`?",
    "nodeselector": "did you mean `constraints`?",
    "placement": "did you mean `constraints`?",
    "priorityclass": "did you mean `priority`? It is a number, 1 to 100",
    "priorityclassname": "did you mean `priority`? It is a number, 1 to 100",
    "preemption": "did you mean `preempt`? It is true or false",
    "preemptionpolicy": "did you mean `preempt`? It is true or false",
}
"""What to do about keys that people bring from elsewhere, by the folded key."""


def build_spec(values: dict[str, Any], path: str, objections: Objections) -> TaskSpec:
    """Return the spec of what was read, or raise all objections, those gathered before included."""
    require(values, "name", path, 'give the task one, like "web"', objections)
    require(values, "image", path, 'name what to run, like "nginx:1.27"', objections)
    policy: Restart | None = values.pop("restart", None)
    if policy is not None:
        values["restart"] = policy.policy
        if policy.max_restarts is not None and "max_restarts" in values:
            objections.add(at(path, "max_restarts"), "is already said by `restart`; keep one")
        elif policy.max_restarts is not None:
            values["max_restarts"] = policy.max_restarts
    objections.raise_any()
    return TaskSpec(**values)
