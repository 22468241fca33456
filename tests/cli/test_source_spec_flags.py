"""What files, images and flags become before anything is sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cube.cli.spec_flags import document_of
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json
from tests.cli.views import task


def accept(manager: FakeManager, *views: Any) -> None:
    manager.answer("POST", "/task", json(views[0], 201))
    manager.play(*views)


def sent(manager: FakeManager) -> dict[str, Any]:
    document = manager.requests("POST", "/task")[0].body
    assert isinstance(document, dict)
    return document


def test_an_image_and_docker_s_flags_make_the_task(
    manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "from here")
    accept(manager, task())

    cube(*"run -d --name web -p 8080:80 -e A=b -e TOKEN --cpus 0.5".split(),
         *"--memory 256m nginx:1.27 --replicas 3 --restart on-failure:5 -v data:/var/lib:ro".split(),
         *"-l tier=front --health-http :81/up --stop-timeout 3 sh -c".split(), "exec app -p 1")  # fmt: skip

    document = sent(manager)
    assert re.fullmatch("[0-9a-f-]{36}", document.pop("id"))
    assert document == {
        "name": "web",
        "image": "nginx:1.27",
        "replicas": 3,
        "command": ["sh", "-c", "exec app -p 1"],
        "env": {"A": "b", "TOKEN": "from here"},
        "labels": {"tier": "front"},
        "cpu_millis": 500,
        "memory_bytes": 256 * 1024**2,
        "ports": [{"container_port": 80, "host_port": 8080}],
        "volumes": [{"name": "data", "path": "/var/lib", "read_only": True}],
        "max_restarts": 5,
        "stop_grace_ms": 3000,
        "health": {"kind": "http", "path": "/up", "port": 81},
    }


def test_extras_are_asked_for_by_kind_whole_ones_and_a_part(
    manager: FakeManager, cube: Cube
) -> None:
    accept(manager, task())
    cube("run", "-d", "--extra", "gpu=0.5", "--extra", "tpu=2", "busybox")
    assert sent(manager)["extras_millis"] == {"gpu": 500, "tpu": 2_000}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gpu", "--extra: 'gpu' has no value; write KEY=VALUE"),
        ("gpu=half", "--extra: gpu=half is no amount of devices; write it like gpu=2 or gpu=0.5"),
        ("gpu=1.5", "extras_millis.gpu: is 1.5 devices; a replica gets a part of one"),
        ("gpu=0.0001", "extras.gpu: is finer than a thousandth of a device; round it"),
    ],
)
def test_an_amount_of_devices_that_cannot_be_is_refused(
    text: str, told: str, manager: FakeManager, cube: Cube
) -> None:
    code, out, err = cube("run", "--extra", text, "busybox")
    assert (code, out) == (2, "")
    assert told in err
    assert not manager.requests("POST", "/task")


def test_extras_given_with_a_file_are_added_to_those_in_it(
    manager: FakeManager, cube: Cube, tmp_path: Path
) -> None:
    accept(manager, task())
    file = tmp_path / "web.json"
    file.write_text('{"name": "web", "image": "busybox", "extras": {"gpu": 1, "tpu": 1}}')
    cube("run", "-d", str(file), "--extra", "gpu=0.5")
    assert sent(manager)["extras_millis"] == {"gpu": 500, "tpu": 1_000}


def test_an_image_without_a_name_gets_a_fresh_one(manager: FakeManager, cube: Cube) -> None:
    accept(manager, task())

    cube("run", "-d", "registry.example.org:5000/team/my_app:2")

    assert re.fullmatch(r"my-app-[0-9a-f]{4}", sent(manager)["name"])


def test_flags_change_what_a_file_says(manager: FakeManager, cube: Cube, tmp_path: Path) -> None:
    path = tmp_path / "web.toml"
    path.write_text('name = "web"\nimage = "nginx"\nreplicas = 2\n[env]\nA = "a"\nB = "b"\n')
    accept(manager, task())

    cube("run", "-d", str(path), "--replicas", "4", "-e", "B=c")

    document = sent(manager)
    assert (document["replicas"], document["env"]) == (4, {"A": "a", "B": "c"})


def test_every_objection_to_a_file_has_its_line(
    manager: FakeManager, cube: Cube, tmp_path: Path
) -> None:
    path = tmp_path / "web.json"
    path.write_text('{"name": "web", "imagee": "nginx", "replicas": "two"}')

    result = cube("run", str(path))

    assert (result.code, result.out) == (2, "")
    told = [line for line in result.err.splitlines() if line.startswith(f"cube: {path}: ")]
    assert len(told) == 3  # the unknown key, the number, the image that is missing then
    assert manager.asked == []


def test_what_may_not_enter_is_told_before_anything_is_sent(
    manager: FakeManager, cube: Cube
) -> None:
    result = cube("run", "nginx", "--name", "Not A Name", "--replicas", "-1")

    assert result.code == 2
    assert {"cube: name", "cube: replicas"} <= {
        ":".join(line.split(":")[:2]) for line in result.err.splitlines()
    }
    assert manager.asked == []


def test_a_missing_file_is_named(cube: Cube) -> None:
    result = cube("run", "nope.json")

    assert (result.code, result.err) == (
        2,
        "cube: nope.json: cannot be read: no such file or directory\n",
    )


def test_a_priority_is_handed_on_and_preempting_only_where_it_is_said() -> None:
    assert document_of({"priority": 90, "preempt": True}, {}) == {"priority": 90, "preempt": True}
    assert document_of({"priority": 0, "preempt": False}, {}) == {"priority": 0}
    assert document_of({"priority": None, "preempt": False}, {}) == {}
