"""Bodies of requests about tasks, read and judged: what gets past here may be decided upon."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec.structs import replace

from cube.core.admission import admit
from cube.errors import InvalidInput, Objection
from cube.manager.strategies import installed
from cube.model.spec import TaskSpec
from cube.wire.strict import decode
from cube.wire.taskfile import Incoming, decode_task

Kind = TypeVar("Kind", bound=msgspec.Struct)


def read_task(document: object) -> Incoming:
    """Return the task a document asks for. InvalidInput with every objection at once."""
    incoming = decode_task(document)
    check_spec(incoming.spec)
    return incoming


def check_spec(spec: TaskSpec) -> None:
    """Return when the spec may be run. InvalidInput with every objection at once."""
    if objections := admit(spec, strategies=installed()):
        raise InvalidInput(objections)


def read_named_task(body: bytes, name: str) -> Incoming:
    """Return the task of a body that was sent to the path of this name."""
    incoming = read_task(decode(body))
    if incoming.spec.name != name:
        message = f"is {incoming.spec.name}, and the path says {name}"
        raise InvalidInput((Objection("name", message),))
    return incoming


def read_replicas(body: bytes) -> int:
    """Return the number in `{"replicas": 3}`."""
    document = decode(body)
    if not isinstance(document, dict) or set(document) != {"replicas"}:
        raise InvalidInput((Objection("", 'expected {"replicas": NUMBER}'),))
    replicas = document["replicas"]
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise InvalidInput((Objection("replicas", "must be a whole number"),))
    return replicas


def check_scaled(spec: TaskSpec, replicas: int) -> None:
    """Return when the spec may be run with so many replicas. InvalidInput otherwise."""
    check_spec(replace(spec, replicas=replicas))


def read_as(body: bytes, kind: type[Kind]) -> Kind:
    """Return a body of one fixed shape. InvalidInput names the field; its value is not repeated: it may be a secret."""
    try:
        return msgspec.convert(decode(body) if body.strip() else {}, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        where = path.rstrip("`").lstrip(".")
        raise InvalidInput((Objection(where, message[:1].lower() + message[1:]),)) from None
