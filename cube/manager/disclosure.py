"""What callers who may only look do not get to see: the values of environment variables, which often are passwords.

Done on the bytes of the answer, behind every handler, so that no view of a task needs to think of it.
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from cube.manager.callers import caller
from cube.model.role import Role
from cube.security.principal import Principal

HIDDEN = "***"
_DATA = b"data: "


def may_see_values(principal: Principal) -> bool:
    """Whether the caller could read them anyway: who sets them, and who gets into containers."""
    return principal.may(Role.OPERATOR) or principal.may(Role.SHELL)


def sees_values() -> bool:
    """Whether whoever is asking now may see them. Nobody is asking: a test, or the manager itself."""
    who = caller()
    return who is None or who.principal is None or may_see_values(who.principal)


def veiled(body: bytes) -> bytes:
    """Return a JSON answer with every value of an `env` of a spec hidden. Repeats safely."""
    if b'"env"' not in body:
        return body
    document = msgspec.json.decode(body)
    _hide(document)
    return msgspec.json.encode(document) + b"\n" * body.endswith(b"\n")


def veiled_events(data: bytes) -> bytes:
    """Return server-sent events, whole ones, with the same hidden."""
    if b'"env"' not in data:
        return data
    lines = data.split(b"\n")
    return b"\n".join(
        _DATA + veiled(line.removeprefix(_DATA)) if line.startswith(_DATA) else line
        for line in lines
    )


def veil(response: web.StreamResponse) -> None:
    """Hide the values in an answer that is whole; one that streams does it itself."""
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return
    if response.content_type == "application/json":
        response.body = veiled(response.body)


def _hide(value: Any) -> None:
    if isinstance(value, list):
        for one in value:
            _hide(one)
    elif isinstance(value, dict):
        spec = value.get("spec")
        if isinstance(spec, dict) and isinstance(env := spec.get("env"), dict):
            spec["env"] = dict.fromkeys(env, HIDDEN)
        for one in value.values():
            if isinstance(one, dict | list):
                _hide(one)
