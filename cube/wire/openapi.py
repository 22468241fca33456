"""The manager's API in OpenAPI 3.1, made from the table of operations and the types that are sent and read."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from cube.model.role import Role
from cube.wire.operation import JSON, PROBLEM, Answer, Operation
from cube.wire.operations import MANAGER
from cube.wire.views import Problem

ALWAYS = (400, 401, 403, 406, 421, 429, 500, 503)
"""What anything may be answered: bad input, nobody knows who asks, a page of another site or not the role, no common
type, another host, too often, a fault, busy."""

_REFERENCE = "#/components/schemas/{name}"
_HEADERS = {
    "X-Request-ID": "by which the manager's log has this request; the caller's own when it sent one",
    "X-Next-Cursor": "there is more: send it as `cursor`",
    "Location": "where the new task is",
    "ETag": "for If-None-Match, and for If-Match of a change",
}


def description(version: str, operations: Iterable[Operation] = MANAGER) -> dict[str, Any]:
    """Return the document. The same table and types give the same document; workers' own operations are left out."""
    told = [one for one in operations if one.role is not Role.WORKER]
    kinds = _Kinds(told)
    paths: dict[str, Any] = {}
    for operation in told:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _told(operation, kinds)
    problems = sorted({*ALWAYS}.union(*(one.problems for one in told)))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cube manager",
            "version": version,
            "description": "`/tasks` and `/nodes` answer as `/task` and `/node` do. Every GET but those that stream "
            "answers HEAD, every path OPTIONS. A body is read as JSON whatever its content type says.",
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(kinds.components.items())),
            "responses": {f"problem{status}": _problem(status, kinds) for status in problems},
        },
    }


class _Kinds:
    """The schemas of all types that the operations name. Making them together gives each type one name."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        found: list[Any] = [Problem]
        for operation in operations:
            found += [parameter.kind for parameter in operation.parameters]
            found += operation.body
            for answer in operation.answers:
                found += _forms(answer)
        self._kinds = found
        self._schemas, components = msgspec.json.schema_components(found, ref_template=_REFERENCE)
        self.components: dict[str, Any] = dict(components)

    def schema(self, kind: Any) -> dict[str, Any]:
        """Return the schema of one of the types."""
        place = next(index for index, one in enumerate(self._kinds) if one == kind)
        return self._schemas[place]

    def any_of(self, kinds: Iterable[Any]) -> dict[str, Any]:
        """Return the schema of what is one of these."""
        schemas = [self.schema(kind) for kind in kinds]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _forms(answer: Answer) -> tuple[Any, ...]:
    if answer.kind is None:
        return ()
    return answer.kind if isinstance(answer.kind, tuple) else (answer.kind,)


def _told(operation: Operation, kinds: _Kinds) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.path.split("/")[1] or "page"],
        "x-role": operation.role.value if operation.role else "anybody",
        "parameters": [
            {
                "name": one.name,
                "in": one.place.value,
                "required": one.place == "path",
                "description": one.about,
                "schema": kinds.schema(one.kind),
                **({"example": one.example} if one.example else {}),
            }
            for one in operation.parameters
        ],
        "responses": _responses(operation, kinds),
    }
    if operation.body:
        content: dict[str, Any] = {JSON: {"schema": kinds.any_of(operation.body)}}
        if operation.example is not None:
            content[JSON]["example"] = operation.example
        told["requestBody"] = {"required": True, "content": content}
    return told


def _responses(operation: Operation, kinds: _Kinds) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for answer in operation.answers:
        told = responses.setdefault(
            str(answer.status),
            {"description": answer.about, "headers": _headers(("X-Request-ID", *answer.headers))},
        )
        if forms := _forms(answer):
            schema = kinds.any_of(forms)
            # A stream has no schema of the whole, only of each line or message.
            whole = {"schema": schema} if answer.media == JSON else _stream_of(schema)
            told.setdefault("content", {})[answer.media] = whole
    for status in sorted({*ALWAYS, *operation.problems}):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/problem{status}"})
    return dict(sorted(responses.items()))


def _stream_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"schema": {"type": "string"}, "x-each": schema}


def _problem(status: int, kinds: _Kinds) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _headers(("X-Request-ID",)),
        "content": {PROBLEM: {"schema": kinds.schema(Problem)}},
    }


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}
