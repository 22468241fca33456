from __future__ import annotations

import msgspec
import pytest

from cube.errors import InvalidInput
from cube.model.spec import TaskSpec
from cube.wire.canonical import FIELDS, HINTS, build_spec, task_id
from cube.wire.fields import fold
from cube.wire.objections import Objections

ID = "21b23589-5d2d-4731-b5c9-a97e9832d021"


def test_every_field_of_a_spec_has_a_key_of_its_name() -> None:
    names = {field.name for field in msgspec.structs.fields(TaskSpec)}

    assert names <= FIELDS.keys()
    assert {field.target for field in FIELDS.values()} == names | {"id"}
    assert all(FIELDS[name].target == name for name in names)


def test_hints_are_for_keys_that_do_not_exist() -> None:
    assert not HINTS.keys() & set(map(fold, FIELDS))
    assert all(key == fold(key) for key in HINTS)


def test_an_id_is_a_uuid_in_lower_case() -> None:
    assert task_id(ID, "id") == ID
    assert task_id(ID.upper(), "id") == ID
    assert task_id("00000000-0000-0000-0000-000000000000", "id") is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "web",
        5,
        None,
        ID[1:],
        ID + "\n",
        ID.replace("-", ""),
        f"{{{ID}}}",
        "g" + ID[1:],
        "x" * 36,
    ],
)
def test_anything_else_is_no_id(value: object) -> None:
    with pytest.raises(InvalidInput, match="id: expected a UUID, got .*; leave it out"):
        task_id(value, "id")


def test_what_is_missing_is_told_with_what_was_found_before() -> None:
    objections = Objections()
    objections.add("x", "unknown key")

    with pytest.raises(InvalidInput) as caught:
        build_spec({}, "Task", objections)
    assert [objection.path for objection in caught.value.objections] == [
        "x",
        "Task.name",
        "Task.image",
    ]
