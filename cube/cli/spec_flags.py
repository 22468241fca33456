"""Docker's flags for what to run, and the task document they make. Pure.

The document goes through the decoder of task files: a flag and a file mean the same and are
refused alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cube.cli.amounts import pairs_option
from cube.errors import InvalidInput, Objection
from cube.wire.strict import WrittenFloat


def _option(*names: str, metavar: str | None = None, help: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=help, rich_help_panel=None)


Name = Annotated[str, _option("--name", help="The task's name; made from the image by default.")]
Publish = Annotated[
    list[str], _option("-p", "--publish", metavar="[HOST:]PORT", help="Publish a port.")
]
Env = Annotated[list[str], _option("-e", "--env", metavar="KEY[=VALUE]", help="Set a variable.")]
Cpus = Annotated[str, _option("--cpus", metavar="CORES", help="Reserve and limit: 0.5.")]
Memory = Annotated[str, _option("--memory", metavar="SIZE", help="Reserve and limit: 256m.")]
Replicas = Annotated[int | None, _option("--replicas", metavar="N", help="How many of it.")]
Restart = Annotated[
    str, _option("--restart", metavar="POLICY", help="always, on-failure[:N] or never.")
]
Pull = Annotated[str, _option("--pull", metavar="WHEN", help="always, missing or never.")]
HealthCommand = Annotated[
    str, _option("--health-cmd", metavar="COMMAND", help="Healthy while this exits with 0.")
]
HealthHttp = Annotated[
    str,
    _option("--health-http", metavar="[:PORT]/PATH", help="Healthy while this answers 2xx or 3xx."),
]
Constraint = Annotated[
    list[str], _option("--constraint", metavar="EXPR", help="Where it may go: zone==eu.")
]
Label = Annotated[list[str], _option("-l", "--label", metavar="KEY=VALUE", help="Set a label.")]
VolumeFlag = Annotated[
    list[str], _option("-v", "--volume", metavar="NAME:PATH[:ro]", help="Mount a named volume.")
]
Extra = Annotated[
    list[str], _option("--extra", metavar="KIND=AMOUNT", help="Devices, or a part of one: gpu=0.5.")
]
Privileged = Annotated[
    bool, _option("--privileged", help="Root on its node, where the node's policy allows that.")
]
NetworkFlag = Annotated[
    str, _option("--network", metavar="bridge|host", help="Its own network, or the node's.")
]
DeviceFlag = Annotated[
    list[str], _option("--device", metavar="/dev/NAME", help="A device of the node.")
]
MountFlag = Annotated[
    list[str],
    _option("--mount", metavar="NAME:PATH[:ro]", help="A folder that the node's policy names."),
]
Workdir = Annotated[str, _option("-w", "--workdir", metavar="PATH", help="Where the command runs.")]
User = Annotated[str, _option("-u", "--user", metavar="USER", help="Who it runs as.")]
Entrypoint = Annotated[
    str, _option("--entrypoint", metavar="COMMAND", help="Replace the image's entrypoint.")
]
Strategy = Annotated[str, _option("--strategy", metavar="NAME", help="How its nodes are picked.")]
Priority = Annotated[
    int | None, _option("--priority", metavar="N", help="1 to 100: who is served first.")
]
Preempt = Annotated[
    bool, _option("--preempt", help="Without room, displace what has a lower priority.")
]
Platform = Annotated[
    str, _option("--platform", metavar="OS/ARCH", help="Only nodes of it: linux/arm64.")
]
StopSignal = Annotated[str, _option("--stop-signal", metavar="SIGNAL", help="Sent to stop it.")]
StopTimeout = Annotated[
    str, _option("--stop-timeout", metavar="DURATION", help="Kill it that long after.")
]

# Flags whose value is the value of one key of a task document.
_SAME = {
    "name": "name",
    "publish": "ports",
    "cpus": "cpus",
    "memory": "memory",
    "replicas": "replicas",
    "restart": "restart",
    "pull": "pull",
    "constraint": "constraints",
    "label": "labels",
    "volume": "volumes",
    "network": "network",
    "device": "devices",
    "mount": "mounts",
    "workdir": "workdir",
    "user": "user",
    "platform": "platform",
    "strategy": "strategy",
    "priority": "priority",
    "stop_signal": "stop_signal",
}


def document_of(flags: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the keys of a task document that the given flags set; absent flags set none."""
    document = {
        key: list(value) if isinstance(value, tuple) else value
        for flag, key in _SAME.items()
        if (value := flags.get(flag)) or value == 0  # no replicas are a wish, too
    }
    for flag in ("preempt", "privileged"):
        if flags.get(flag):
            document[flag] = True
    if flags.get("extra"):
        document["extras"] = _extras(flags["extra"])
    if flags.get("env"):
        document["env"] = [_variable(text, environ) for text in flags["env"]]
    if flags.get("entrypoint"):
        document["entrypoint"] = flags["entrypoint"]
    if flags.get("command"):
        document["command"] = list(flags["command"])
    if timeout := flags.get("stop_timeout"):
        document["stop_grace"] = f"{timeout}s" if timeout.isdigit() else timeout
    if health := _health(flags.get("health_cmd") or "", flags.get("health_http") or ""):
        document["health"] = health
    return document


def _variable(text: str, environ: Mapping[str, str]) -> str:
    """`-e KEY` hands on the caller's own value, as docker does."""
    if "=" in text:
        return text
    if text not in environ:
        raise InvalidInput((Objection("--env", f"{text} is not set here; write {text}=VALUE"),))
    return f"{text}={environ[text]}"


def _extras(texts: Sequence[str]) -> dict[str, Any]:
    """`--extra gpu=2` asks for whole devices, `--extra gpu=0.5` for half of one."""
    found = pairs_option("--extra", list(texts))
    wrong = tuple(
        Objection(
            "--extra", f"{kind}={amount} is no amount of devices; write it like gpu=2 or gpu=0.5"
        )
        for kind, amount in found.items()
        if not _AMOUNT.fullmatch(amount)
    )
    if wrong:
        raise InvalidInput(wrong)
    return {
        kind: WrittenFloat(amount) if "." in amount else int(amount)
        for kind, amount in found.items()
    }


_AMOUNT = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,9})?")


def _health(command: str, http: str) -> dict[str, Any] | None:
    if command and http:
        problem = "asks in two ways, with --health-cmd; keep one"
        raise InvalidInput((Objection("--health-http", problem),))
    if command:
        return {"command": ["sh", "-c", command]}  # docker's --health-cmd is a shell's line
    if not http:
        return None
    if not http.startswith(":"):
        return {"http": http}
    port, slash, path = http[1:].partition("/")
    if not (port.isascii() and port.isdigit()):
        problem = f"{http!r} has no port; write :8080/health or /health"
        raise InvalidInput((Objection("--health-http", problem),))
    return {"http": slash + path or "/", "port": int(port)}
