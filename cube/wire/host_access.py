"""The short forms of what a task asks of its node: `/dev/fuse:rw`, `data:/srv/data:ro`."""

from __future__ import annotations

import re

from cube.model.spec import Device, Mount, Secret
from cube.wire.fields import Field, Table, boolean, text
from cube.wire.objections import is_mapping, shown, wrong
from cube.wire.shorthand import full_form

_MOUNT = Table(
    {
        "name": Field("name", text),
        "path": Field("path", text),
        "read_only": Field("read_only", boolean),
    },
    {
        "source": "a task names no path of a machine: `name` is one that the worker's policy gives a folder",
        "target": "did you mean `path`?",
    },
)


def mount(value: object, path: str) -> Mount:
    """Read a folder of the node by its name: `data:/srv/data`, with `:ro` when it is only read, or a mapping."""
    if isinstance(value, str):
        name, _, target = value.partition(":")
        target, _, mode = target.partition(":")
        if not target or mode not in ("", "ro", "rw"):
            raise wrong(path, f'{shown(value)} is no mount; write "data:/srv/data" or with ":ro"')
        return Mount(name, target, mode == "ro")
    return Mount(
        **full_form(
            value,
            path,
            _MOUNT,
            name="say by which name the worker's policy has it",
            path="say where it is mounted in the container",
        )
    )


_DEVICE = Table(
    {
        "path": Field("path", text),
        "target": Field("target", text),
        "permissions": Field("permissions", text),
    }
)
_PERMISSIONS = re.compile(r"[rwm]{1,3}")


def device(value: object, path: str) -> Device:
    """Read a device: `/dev/fuse`, docker's `/dev/sda:/dev/xvda:r`, or a mapping."""
    if not isinstance(value, str):
        return Device(**full_form(value, path, _DEVICE, path="name the device, like /dev/fuse"))
    parts = value.split(":")
    permissions = parts.pop() if len(parts) > 1 and _PERMISSIONS.fullmatch(parts[-1]) else "rwm"
    if len(parts) > 2:
        raise wrong(
            path, f'{shown(value)} is no device; write "/dev/fuse" or "/dev/sda:/dev/xvda:r"'
        )
    return Device(parts[0], parts[1] if len(parts) == 2 else "", permissions)


def _mode(value: object, path: str) -> int:
    """Read the permissions of a file: a number, or text in octal as chmod takes it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"0?[0-7]{3}", value):
        return int(value, 8)
    raise wrong(path, f'{shown(str(value))} is no mode; write it in quotes, like "0400"')


_SECRET = Table(
    {
        "name": Field("name", text),
        "target": Field("target", text),
        "mode": Field("mode", _mode),
        "as_env": Field("as_env", text),
    },
    {
        "value": "a task holds no secret, only its name: cube secret set NAME",
        "source": "did you mean `name`?",
        "env": "did you mean `as_env`?",
    },
)


def secret(value: object, path: str) -> Secret:
    """Read a secret: its name, or a mapping."""
    if not is_mapping(value):
        return Secret(text(value, path))
    return Secret(**full_form(value, path, _SECRET, name="name the secret"))
