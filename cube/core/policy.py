"""What a task asks of a machine's policy, and the first thing that a policy does not allow. Pure.

Asked by placement of every node, and by the worker once more of the request it is about to make.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cube.core.scheduler.shortage import human_bytes
from cube.model.policy import EVERY_IMAGE, Policy
from cube.model.spec import Network, TaskSpec

ORDINARY_CAPABILITIES = frozenset(
    (
        "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID SETPCAP "
        "SETUID SYS_CHROOT"
    ).split()
)
"""Docker's default set without MKNOD and NET_RAW: raw sockets forge packets on the bridge that containers share."""
WITHHELD_CAPABILITIES = ("MKNOD", "NET_RAW")
"""What Docker gives every container, and cube does not."""

DOCKER_HUB = "docker.io"


class Rights(msgspec.Struct, frozen=True):
    """What one replica asks for that a policy has a say in."""

    image: str = ""  # canonical
    privileged: bool = False
    host_network: bool = False
    devices: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()  # only those that are not ordinary
    mounts: tuple[tuple[str, bool], ...] = ()  # name, and whether it is written to
    pids: int = 1  # -1: without end
    memory_bytes: int = 0


def rights_of(spec: TaskSpec) -> Rights:
    """Return what a replica of this task asks for."""
    return Rights(
        image=canonical_image(spec.image),
        privileged=spec.privileged,
        host_network=spec.network is Network.HOST,
        devices=tuple(device.path for device in spec.devices),
        capabilities=tuple(sorted({*spec.cap_add} - ORDINARY_CAPABILITIES)),
        mounts=tuple((mount.name, not mount.read_only) for mount in spec.mounts),
        pids=spec.pids_limit,
        memory_bytes=spec.memory_bytes,
    )


def forbidden(policy: Policy, asked: Rights) -> str:
    """Return the first thing asked for that the policy does not allow, in words; empty when it allows all."""
    return next((what for what, _ in _forbidden(policy, asked)), "")


def allowed_instead(policy: Policy, asked: Rights) -> tuple[str, ...]:
    """Return what the policy allows of the kind that `forbidden` names, by the words of its file; often nothing."""
    return next((names for _, names in _forbidden(policy, asked)), ())


def _forbidden(policy: Policy, asked: Rights) -> Iterator[tuple[str, tuple[str, ...]]]:
    if asked.privileged and not policy.privileged:
        yield "privileged", ()
    if asked.host_network and not policy.host_network:
        yield "network: host", ()
    for device in asked.devices:
        if device not in policy.devices:
            yield f"device {device}", policy.devices
    for name in asked.capabilities:
        if name not in policy.capabilities:
            yield f"capability {name}", policy.capabilities
    allowed = {mount.name: mount for mount in policy.mounts}
    for name, writes in asked.mounts:
        if name not in allowed:
            yield f"mount {name}", tuple(allowed)
        elif writes and allowed[name].read_only:
            yield f"mount {name} other than read_only", ()
    if not image_allowed(policy.images, asked.image):
        yield f"image {asked.image}", policy.images
    if policy.pids_most and not 0 <= asked.pids <= policy.pids_most:
        yield f"more than {policy.pids_most} processes", ()
    if policy.memory_most and asked.memory_bytes > policy.memory_most:
        yield f"more than {human_bytes(policy.memory_most)} of memory", ()


def image_allowed(patterns: tuple[str, ...], canonical: str) -> bool:
    """Whether one of the patterns fits: a repository, or the beginning of a name up to a slash and `*`."""
    return any(_fits(pattern, canonical) for pattern in patterns)


def _fits(pattern: str, canonical: str) -> bool:
    if pattern == EVERY_IMAGE:
        return True
    if pattern.endswith("/*"):
        return canonical.startswith(pattern[:-1])
    # A repository, with any tag and digest; or one tag of it.
    return canonical == pattern or canonical.startswith((f"{pattern}:", f"{pattern}@"))


def canonical_image(image: str) -> str:
    """Return the one name of an image however it is spelled: `docker.io/library/busybox:latest` of `busybox`.

    A tag beside a digest says nothing more and is left out, as for an engine.
    """
    name, _, digest = image.partition("@")
    host, slash, path = name.partition("/")
    if not slash or not _is_host(host):
        host, path = DOCKER_HUB, name
    host = host.lower()
    if host in (DOCKER_HUB, f"index.{DOCKER_HUB}"):
        host, path = DOCKER_HUB, path if "/" in path else f"library/{path}"
    repository, colon, tag = path.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = path, "latest"
    return f"{host}/{repository}@{digest}" if digest else f"{host}/{repository}:{tag}"


def registry_of(image: str) -> str:
    """Return the registry that an image comes from: `docker.io` of `busybox`."""
    return canonical_image(image).partition("/")[0]


def _is_host(first: str) -> bool:
    """Docker's rule: a dot, a colon, upper case, or the word localhost."""
    return "." in first or ":" in first or first != first.lower() or first == "localhost"
