"""The published description: made from the table, whole, and the one that is checked in."""

from __future__ import annotations

import json
from typing import Any

import msgspec

import cube
from cube.model.role import Role
from cube.wire.openapi import ALWAYS, description
from cube.wire.operations import MANAGER
from tests.house.checkout import ROOT


def described() -> dict[str, Any]:
    """The description as a client reads it."""
    document: dict[str, Any] = json.loads(msgspec.json.encode(description(cube.__version__)))
    return document


def references(value: Any) -> set[str]:
    """Everything that is referred to anywhere inside."""
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_the_checked_in_description_is_the_one_that_is_served() -> None:
    checked_in = json.loads((ROOT / "docs" / "reference" / "openapi.json").read_text())
    assert checked_in == described(), "out of date: scripts/openapi writes it anew"


def test_every_operation_for_people_is_in_it_and_no_other() -> None:
    told = {one["operationId"] for path in described()["paths"].values() for one in path.values()}
    assert told == {one.id for one in MANAGER if one.role is not Role.WORKER}


def test_whatever_is_referred_to_is_there() -> None:
    document = described()
    components = {
        f"#/components/{kind}/{name}"
        for kind, named in document["components"].items()
        for name in named
    }
    assert references(document) <= components
    assert components <= references(document)


def test_every_operation_tells_its_role_and_what_anything_may_be_answered() -> None:
    for path in described()["paths"].values():
        for operation in path.values():
            assert operation["x-role"] in {"anybody", *(role.value for role in Role)}
            assert set(map(str, ALWAYS)) <= operation["responses"].keys()


def test_a_stream_is_told_by_its_type_only() -> None:
    answer = described()["paths"]["/event"]["get"]["responses"]["200"]["content"]
    each = {"$ref": "#/components/schemas/EventView"}
    assert answer["text/event-stream"] == {"schema": {"type": "string"}, "x-each": each}
    assert answer["application/json"]["schema"]["type"] == "array"
