"""What a task attaches of its machine: volumes, named folders, file systems in memory, devices, its network.

Whether a machine allows it is for its policy (`core.policy`); here is only what could be meant at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cube.core import grammar, ranges
from cube.core.paths import shown
from cube.core.ranges import in_range
from cube.errors import Objection
from cube.model.spec import Network, TaskSpec

MOST_OF_A_KIND = (
    64  # the texts are not bounded otherwise, and the engine mounts one after the other
)

SECRETS = ("/run/secrets", "/var/run/secrets")  # the second is the first in most images

_MOUNT_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_DEVICE = re.compile(r"/dev(?:/[A-Za-z0-9][A-Za-z0-9._:+-]{0,63}){1,6}")
_PERMISSIONS = re.compile(r"(?!.*(.).*\1)[rwm]{1,3}")


def is_mount_name(text: str) -> bool:
    """Whether a policy may call a folder so."""
    return _MOUNT_NAME.fullmatch(text) is not None


def is_device(text: str) -> bool:
    """Whether it is the path of a device, without detours."""
    return _DEVICE.fullmatch(text) is not None


def mounted(spec: TaskSpec) -> Iterator[Objection]:
    """Object to mounts without a name, in a bad place, or in one place."""
    taken: dict[str, str] = {}
    for index, volume in enumerate(spec.volumes):
        path = f"volumes[{index}]"
        if volume.name.startswith(("/", ".", "~")):
            yield Objection(
                f"{path}.name",
                "is a path of the host, which no task can name; name a volume, like data, or a folder that "
                "the worker's policy has a name for, under `mounts`",
            )
        elif not grammar.is_volume(volume.name):
            yield Objection(
                f"{path}.name",
                f"{shown(volume.name)} is no volume; use 2 to 255 letters, digits, '.', '_', '-'",
            )
        yield from _mount_point(f"{path}.path", volume.path, taken)
    for index, mount in enumerate(spec.mounts):
        path = f"mounts[{index}]"
        if not is_mount_name(mount.name):
            yield Objection(
                f"{path}.name",
                f"{shown(mount.name)} is no name of a mount; a task names no path of a machine, but what the "
                "worker's policy calls it, like data",
            )
        yield from _mount_point(f"{path}.path", mount.path, taken)
    for index, tmpfs in enumerate(spec.tmpfs):
        path = f"tmpfs[{index}]"
        yield from _mount_point(f"{path}.path", tmpfs.path, taken)
        yield from in_range(tmpfs, ranges.TMPFS, path)


def _mount_point(path: str, text: str, taken: dict[str, str]) -> Iterator[Objection]:
    """Object to a bad place, and to one that something is mounted at already; remember it."""
    place = grammar.clean_path(text)
    if why := grammar.why_no_path(text):
        yield Objection(path, why)
    elif place == "/":
        yield Objection(path, "is the root, where the image is; mount below it")
    elif place in SECRETS or place.startswith(tuple(f"{one}/" for one in SECRETS)):
        yield Objection(path, "is where secrets are; mount elsewhere")
    elif place in taken:
        yield Objection(path, f"{shown(place)} is taken by {taken[place]}; mount elsewhere")
    else:
        taken[place] = path.rpartition(".")[0]


def secrets(spec: TaskSpec) -> Iterator[Objection]:
    """Object to secrets that nobody can have set, and to two in one place."""
    taken: set[str] = set()
    for index, secret in enumerate(spec.secrets):
        path = f"secrets[{index}]"
        if not is_mount_name(secret.name):
            yield Objection(
                f"{path}.name",
                f"{shown(secret.name)} is no secret's name; write it like db-password",
            )
        if secret.target and not _FILE.fullmatch(secret.target):
            yield Objection(
                f"{path}.target", "must be the name of a file under /run/secrets, like password"
            )
        if secret.as_env and not _VARIABLE.fullmatch(secret.as_env):
            yield Objection(f"{path}.as_env", "is no variable's name; write it like DB_PASSWORD")
        if secret.as_env and (secret.target or secret.as_env in spec.env):
            yield Objection(f"{path}.as_env", "is said in another way, too; keep one of the two")
        if secret.mode & ~0o777 or not secret.mode & 0o400:
            yield Objection(f"{path}.mode", "must let its owner read it, like 0400 or 0440")
        place = secret.as_env or secret.file
        if place in taken:
            yield Objection(
                path, f"{shown(place)} is taken by another; give it a target of its own"
            )
        taken.add(place)


def devices(spec: TaskSpec) -> Iterator[Objection]:
    """Object to what is no device, and to lists that nobody means."""
    for index, device in enumerate(spec.devices):
        path = f"devices[{index}]"
        if not is_device(device.path):
            yield Objection(
                f"{path}.path", f"{shown(device.path)} is no device; write it like /dev/fuse"
            )
        if device.target and not is_device(device.target):
            yield Objection(
                f"{path}.target", f"{shown(device.target)} is no device; write it like /dev/fuse"
            )
        if not _PERMISSIONS.fullmatch(device.permissions):
            yield Objection(
                f"{path}.permissions", "must be of r, w and m, each once: rw to read and write"
            )
    for field in ("devices", "mounts", "volumes", "tmpfs", "secrets"):
        if (count := len(getattr(spec, field))) > MOST_OF_A_KIND:
            yield Objection(field, f"has {count} entries; {MOST_OF_A_KIND} is the most")


def network(spec: TaskSpec) -> Iterator[Objection]:
    """Object to ports that the machine's own network cannot give."""
    if spec.network is not Network.HOST:
        return
    for index, port in enumerate(spec.ports):
        if port.host_port not in (0, port.container_port):
            yield Objection(
                f"ports[{index}].host_port",
                f"is {port.host_port}, but on the network of the host a port is what it is: leave it out",
            )
        if port.host_ip:
            yield Objection(
                f"ports[{index}].host_ip", "means nothing on the network of the host; remove it"
            )
