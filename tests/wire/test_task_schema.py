"""The schema that editors use: takes what cube takes, and says no where a key or a type is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs  # comes with schemathesis
import pytest
from hypothesis import given

from cube.model.spec import TaskSpec
from cube.wire import strict, taskfile
from cube.wire.canonical import FIELDS
from cube.wire.task_schema import task_schema
from tests.house.checkout import EXAMPLES, name_of
from tests.wire.specs import SPECS

SCHEMA = task_schema({"replicas": "how many"})
OF_ANCESTORS = {"task1.json", "task2.json"}


def accepted(document: Any) -> bool:
    plain = json.loads(json.dumps(document))  # cube's reader keeps how a number was written
    return bool(jsonschema_rs.validator_for(SCHEMA).is_valid(plain))


@pytest.mark.parametrize(
    "path", [path for path in EXAMPLES if path.name not in OF_ANCESTORS], ids=name_of
)
def test_every_example_is_accepted(path: Path) -> None:
    assert all(map(accepted, taskfile.load_file(path.name, path.read_bytes())))


@given(SPECS)
def test_what_cube_prints_is_accepted(spec: TaskSpec) -> None:
    assert accepted(taskfile.encode_task(spec))


@pytest.mark.parametrize(
    "more",
    [
        {"command": "sleep 60"},
        {"env": ["A=b"]},
        {"env": {"PORT": 80}},
        {"cpu": 0.5, "memory": "32m", "disk": 1024, "extras": {"gpu": 0.5}},
        {"ports": [80, "8080:80", {"container_port": 80}]},
        {"volumes": ["data:/data"], "tmpfs": ["/run:64m", {"path": "/tmp", "size": "1g"}]},
        {"ulimits": {"nofile": 1024}},
        {"restart": "on-failure:5", "stop_grace": "30s", "stop_signal": 15, "user": 1000},
        {"health": "/health"},
        {"health": {"http": "/", "interval": "5s", "retries": 2}},
        {"spread": ["zone"], "prefer": ["disk==ssd", {"near": "db", "weight": 80}]},
    ],
    ids=lambda more: "-".join(more),
)
def test_short_forms_are_accepted_as_cube_accepts_them(more: dict[str, Any]) -> None:
    document = {"name": "web", "image": "busybox", **more}

    sent = strict.decode(json.dumps(document).encode())
    assert isinstance(taskfile.decode_task(sent).spec, TaskSpec)
    assert accepted(document)


@pytest.mark.parametrize(
    "document",
    [
        {"name": "web"},
        {"name": "web", "image": "busybox", "replica": 3},
        {"name": "web", "image": "busybox", "replicas": "three"},
        {"name": "web", "image": "busybox", "pull": "sometimes"},
        {"name": "web", "image": "busybox", "ports": [{"port": 80}]},
    ],
)
def test_what_cube_refuses_for_its_form_is_refused(document: dict[str, Any]) -> None:
    assert not accepted(document)


def test_every_key_is_in_it_and_a_known_meaning_with_it() -> None:
    assert SCHEMA["properties"].keys() == FIELDS.keys()
    assert SCHEMA["properties"]["replicas"]["description"] == "how many"
