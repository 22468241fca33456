"""The last word of a worker's own policy: on the finished request, just before the engine gets it. Pure.

It reads the very object that is sent, trusts nothing of how it came about, and refuses every field that it does not
know: a field that the builder of requests learns has to be judged here, too. So a manager that was broken into, and a
fault in cube's own checks before this one, end here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from cube.core import grammar
from cube.core.policy import (
    ORDINARY_CAPABILITIES,
    WITHHELD_CAPABILITIES,
    Rights,
    canonical_image,
    forbidden,
    image_allowed,
)
from cube.model.allocation import Failure, FailureKind
from cube.model.policy import EVERY_IMAGE, HostPolicy, Policy
from cube.model.secret import SECRETS_FOLDER
from cube.runtime.contract import RuntimeFailure
from cube.runtime.request import NO_NEW_PRIVILEGES, log_config

Request = dict[str, Any]

_HARMLESS = frozenset({"Hostname", "Env", "Labels", "Cmd", "Entrypoint", "User"})
_ALSO_HARMLESS = frozenset({"StopSignal", "ExposedPorts", "HostConfig", "Image", "WorkingDir"})
_HARMLESS_ON_HOST = frozenset(
    {"ReadonlyRootfs", "NanoCpus", "Ulimits", "PortBindings", "MemorySwap", "CapDrop"}
)

_ALWAYS_THERE = ("RestartPolicy", "LogConfig", "SecurityOpt")  # their absence means something, too


def check_request(request: Request, policy: HostPolicy, secrets: str = "") -> None:
    """Return when the policy allows all that is asked for. RuntimeFailure NOT_ALLOWED names what it does not.

    `secrets` is the folder with this run's own, which is the one path that is mounted without a name.
    """
    if why := next(_objections(_without(secrets, request), policy), ""):
        raise _not_allowed(why)


def _without(secrets: str, request: Request) -> Request:
    """Return the request without the mount of the run's own secrets, where it is just that."""
    own = {"Type": "bind", "Source": secrets, "Target": SECRETS_FOLDER, "ReadOnly": True}
    host: Request = request["HostConfig"]
    if not secrets or own not in host.get("Mounts", []):
        return request
    others = [mount for mount in host["Mounts"] if mount != own]
    return {**request, "HostConfig": {**host, "Mounts": others}}


def check_image(image: str, policy: Policy) -> None:
    """Return when the image may be had. RuntimeFailure NOT_ALLOWED else."""
    canonical = canonical_image(image)
    if not image_allowed(policy.images, canonical):
        raise _not_allowed(f"image {canonical}")


def _not_allowed(what: str) -> RuntimeFailure:
    message = f"the policy of this worker does not allow {what}"
    return RuntimeFailure(Failure(FailureKind.NOT_ALLOWED, message))


def _objections(request: Request, policy: HostPolicy) -> Iterator[str]:
    for field in request:
        if field not in _HARMLESS | _ALSO_HARMLESS:
            yield f"the field {field}"
    workdir = request.get("WorkingDir", "")
    if workdir and (why := grammar.why_no_path(workdir)):
        yield f"the working directory {workdir}: it {why}"
    restricted = EVERY_IMAGE not in policy.allows.images
    if restricted and request["Image"] != canonical_image(request["Image"]):
        yield f"image {request['Image']} by a short name"
    host: Request = request["HostConfig"]
    if word := forbidden(policy.allows, _rights(request["Image"], host)):
        yield word
    if policy.allows.memory_most and not host.get("Memory"):
        yield "containers without a limit of their memory"
    for field in [*host, *_ALWAYS_THERE]:
        judge = _JUDGES.get(field)
        if field not in _HARMLESS_ON_HOST and (judge is None or not judge(host.get(field), policy)):
            yield f"{field} as asked for"


def _rights(image: str, host: Request) -> Rights:
    """Return what the request asks for, read from what is sent and from nothing else."""
    return Rights(
        image=canonical_image(image),
        privileged=bool(host.get("Privileged", False)),
        host_network=host["NetworkMode"] == "host",
        devices=tuple(device["PathOnHost"] for device in host.get("Devices", ())),
        capabilities=tuple(sorted(_capabilities(host) - ORDINARY_CAPABILITIES)),
        pids=host.get("PidsLimit", -1) or -1,
        memory_bytes=host.get("Memory", 0),
    )


def _capabilities(host: Request) -> frozenset[str]:
    """Return what the container would hold beyond what everybody does; the engine adds what is not dropped."""
    added = {_plain(name) for name in host.get("CapAdd", ())}
    dropped = {_plain(name) for name in host["CapDrop"]}
    kept = set[str]() if "ALL" in dropped else {*WITHHELD_CAPABILITIES} - dropped
    return frozenset(added | kept)


def _plain(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _same(expected: Callable[[HostPolicy], object]) -> Callable[[Any, HostPolicy], bool]:
    return lambda value, policy: bool(value == expected(policy))


def _mounts(value: list[Request], policy: HostPolicy) -> bool:
    return all(_mount(one, policy) for one in value)


def _mount(mount: Request, policy: HostPolicy) -> bool:
    if mount.keys() != {"Type", "Source", "Target", "ReadOnly"} or not _place(mount["Target"]):
        return False
    if mount["Type"] == "volume":  # a name; a path would be a folder of the host to the engine
        return grammar.is_volume(mount["Source"])
    readable = {
        policy.sources[one.name]: one.read_only
        for one in policy.allows.mounts
        if one.name in policy.sources
    }
    return (
        mount["Type"] == "bind"
        and mount["Source"] in readable
        and (mount["ReadOnly"] is True or not readable[mount["Source"]])
    )


def _tmpfs(value: dict[str, str], _policy: HostPolicy) -> bool:
    options = (re.fullmatch(r"(size=[0-9]{1,19})?", one) for one in value.values())
    return all(map(_place, value)) and all(options)


def _place(target: str) -> bool:
    """Whether something may be mounted there: below the root, and nowhere the kernel or cube has its own."""
    place = grammar.clean_path(target)
    secret = f"{place}/".startswith(("/run/secrets/", "/var/run/secrets/"))
    return not grammar.why_no_path(target) and place != "/" and not secret


def _devices(value: list[Request], _policy: HostPolicy) -> bool:
    keys = {"PathOnHost", "PathInContainer", "CgroupPermissions"}  # the paths: by `forbidden`
    return all(device.keys() == keys for device in value)


_JUDGES: dict[str, Callable[[Any, HostPolicy], bool]] = {
    # What `forbidden` has judged already has only to be of the right kind.
    "Privileged": lambda value, _: isinstance(value, bool),
    "PidsLimit": lambda value, _: isinstance(value, int),
    "Memory": lambda value, _: isinstance(value, int),
    "CapAdd": lambda value, _: all(one in grammar.CAPABILITIES for one in value),
    "Devices": _devices,
    "NetworkMode": lambda value, _: value in ("bridge", "host"),
    "RestartPolicy": _same(lambda _: {"Name": "no"}),
    "LogConfig": _same(log_config),
    "SecurityOpt": _same(lambda policy: [*NO_NEW_PRIVILEGES] if policy.no_new_privileges else None),
    "Mounts": _mounts,
    "Tmpfs": _tmpfs,
}
