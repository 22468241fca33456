"""The short forms of a task file: `8080:80`, `data:/var/lib/data:ro`, `/health`, `sh -c "..."`.

Each reader also takes the full form, so that what cube prints can be sent back.
"""

from __future__ import annotations

import re
import shlex
from typing import Any, NamedTuple

from cube.model.spec import (
    Port,
    Preference,
    Protocol,
    RestartPolicy,
    Spread,
    Tmpfs,
    Ulimit,
    Volume,
)
from cube.wire.fields import (
    Field,
    Table,
    boolean,
    choice,
    each,
    integer,
    mapping,
    read_fields,
    require,
    text,
    written,
)
from cube.wire.objections import Objections, at, is_list, is_mapping, shown, wrong
from cube.wire.quantities import size

_LONGEST_COMMAND = 16 * 1024  # splitting is linear, but slow; a script belongs in the image

_words = each(written)


def command(value: object, path: str) -> tuple[str, ...]:
    """Read an argument list, or text that is split as a shell splits it. Nothing is expanded."""
    if not isinstance(value, str):
        return _words(value, path)
    if len(value) > _LONGEST_COMMAND:
        raise wrong(path, f"is longer than {_LONGEST_COMMAND} characters; write it as a list")
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise wrong(path, f"cannot be split like a shell command: {error}") from None


def environment(value: object, path: str) -> dict[str, str]:
    """Read a mapping, or a list of `NAME=value`. Numbers and booleans become their text as written."""
    objections = Objections()
    found: dict[str, str] = {}
    if is_list(value):
        for index, item in enumerate(value):
            if objections.full:
                break
            name, equals, content = (item if isinstance(item, str) else "").partition("=")
            if not equals:
                objections.add(at(path, index), f'expected "NAME=value", got {shown(item)}')
            elif name in found:
                objections.add(at(path, index), f"{shown(name)} is given twice; keep one")
            else:
                found[name] = content
    else:
        for name, item in mapping(value, path).items():
            if objections.full:
                break
            found[name] = objections.read(written, item, at(path, name)) or ""
    objections.raise_any()
    return found


_PORT_TEXT = re.compile(
    r"(?:(?P<host_ip>\[[0-9A-Fa-f:.]{2,45}\]|[0-9.]{7,15}):(?=[0-9]*:))?"
    r"(?:(?P<host>[0-9]{0,5}):)?"  # empty after an address: the engine chooses
    r"(?P<container>[0-9]{1,5})(?:/(?P<protocol>tcp|udp))?"
)
_PORT = Table(
    {
        "container_port": Field("container_port", integer),
        "host_port": Field("host_port", integer),
        "protocol": Field("protocol", choice(Protocol)),
        "host_ip": Field("host_ip", text),
    }
)


def port(value: object, path: str) -> Port:
    """Read a published port: `80`, `8080:80`, `127.0.0.1:8080:80/udp`, or a mapping."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Port(value)
    if isinstance(value, str):
        match = _PORT_TEXT.fullmatch(value)
        if match is None:
            raise wrong(
                path, f'{shown(value)} is no port; write "80", "8080:80" or "127.0.0.1:8080:80/udp"'
            )
        return Port(
            container_port=int(match["container"]),
            host_port=int(match["host"] or 0),
            protocol=Protocol(match["protocol"] or "tcp"),
            host_ip=(match["host_ip"] or "").strip("[]"),
        )
    return Port(
        **full_form(value, path, _PORT, container_port="name the port inside the container")
    )


_VOLUME = Table(
    {
        "name": Field("name", text),
        "path": Field("path", text),
        "read_only": Field("read_only", boolean),
        "shared": Field("shared", boolean),
    },
    {"source": "did you mean `name`?", "target": "did you mean `path`?"},
)


def volume(value: object, path: str) -> Volume:
    """Read a named volume: `data:/var/lib/data`, with `:ro` when it is only read, or a mapping."""
    if isinstance(value, str):
        name, _, target = value.partition(":")
        target, _, mode = target.partition(":")
        if not target or mode not in ("", "ro", "rw"):
            raise wrong(
                path, f'{shown(value)} is no volume; write "data:/var/lib/data" or with ":ro"'
            )
        return Volume(name, target, mode == "ro")
    return Volume(
        **full_form(
            value,
            path,
            _VOLUME,
            name="name the volume",
            path="say where it is mounted in the container",
        )
    )


_TMPFS = Table(
    {
        "path": Field("path", text),
        "size_bytes": Field("size_bytes", integer),
        "size": Field("size_bytes", size),
    }
)


def tmpfs(value: object, path: str) -> Tmpfs:
    """Read a file system in memory: `/run`, `/run:64m`, docker's `/run:size=64m`, or a mapping."""
    if isinstance(value, str):
        target, _, limit = value.partition(":")
        return Tmpfs(target, size(limit.removeprefix("size="), path) if limit else 0)
    return Tmpfs(**full_form(value, path, _TMPFS, path="say where it is mounted in the container"))


_ULIMIT = Table(
    {
        "name": Field("name", text),
        "soft": Field("soft", integer),
        "hard": Field("hard", integer),
    }
)


def ulimits(value: object, path: str) -> tuple[Ulimit, ...]:
    """Read limits by name (`nofile: 1024`, `nofile: {soft: 1024, hard: 4096}`), or a list of mappings."""
    if is_list(value):
        return each(_ulimit)(value, path)
    objections = Objections()
    found: list[Ulimit] = []
    for name, item in mapping(value, path).items():
        if objections.full:
            break
        limits = item if is_mapping(item) else {"soft": item, "hard": item}
        one = objections.read(_ulimit, {**limits, "name": name}, at(path, name))
        if one is not None:
            found.append(one)
    objections.raise_any()
    return tuple(found)


def _ulimit(value: object, path: str) -> Ulimit:
    none = "-1 is none"
    return Ulimit(**full_form(value, path, _ULIMIT, name="name the limit", soft=none, hard=none))


class Restart(NamedTuple):
    """What `restart` says: when, and in docker's `on-failure:5` also how often."""

    policy: RestartPolicy
    max_restarts: int | None = None


_RESTARTS = {
    "always": RestartPolicy.ALWAYS,
    "unless-stopped": RestartPolicy.ALWAYS,  # a stopped task is not started again under any policy
    "on-failure": RestartPolicy.ON_FAILURE,
    "never": RestartPolicy.NEVER,
    "no": RestartPolicy.NEVER,
}
_ON_FAILURE_TIMES = re.compile(r"on-failure:([0-9]{1,9})")


def restart(value: object, path: str) -> Restart:
    """Read a restart policy by cube's or docker's name."""
    if isinstance(value, str):
        if policy := _RESTARTS.get(value):
            return Restart(policy)
        if times := _ON_FAILURE_TIMES.fullmatch(value):
            return Restart(RestartPolicy.ON_FAILURE, int(times[1]))
    raise wrong(path, f"expected always, on-failure, on-failure:5 or never, got {shown(value)}")


_SPREAD = Table({"label": Field("label", text), "weight": Field("weight", integer)})


def spread(value: object, path: str) -> Spread:
    """Read what replicas are spread over: a label, or a mapping with its weight."""
    if isinstance(value, str):
        return Spread(value)
    return Spread(**full_form(value, path, _SPREAD, label="name the label to spread over"))


_PREFERENCE = Table(
    {
        "when": Field("when", text),
        "near": Field("near", text),
        "weight": Field("weight", integer),
    }
)


def preference(value: object, path: str) -> Preference:
    """Read what a node had better be: a constraint, or a mapping of `when` or `near` with a weight."""
    if isinstance(value, str):
        return Preference(value)
    return Preference(**full_form(value, path, _PREFERENCE))


def full_form(value: object, path: str, table: Table, /, **required: str) -> dict[str, Any]:
    """Read the mapping that is the full form, or raise every objection; `required` keys each with what to do."""
    objections = Objections()
    values = read_fields(mapping(value, path), path, table, objections)
    for name, hint in required.items():
        require(values, name, path, hint, objections)
    objections.raise_any()
    return values
