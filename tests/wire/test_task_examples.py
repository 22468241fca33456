from __future__ import annotations

from pathlib import Path

import pytest

from cube.core.admission import admit
from cube.model.spec import Port, RestartPolicy
from cube.wire.taskfile import Incoming, decode_task, load_file

EXAMPLES = Path(__file__).parents[2] / "task-examples"
TASK_FILES = sorted(path for path in EXAMPLES.iterdir() if path.suffix != ".md")
# What scripts/images makes; nothing else can be had without a registry.
IMAGES = {"busybox:latest", "cube-examples/web:1", "timboring/echo-server:latest"}


def read(name: str) -> Incoming:
    [document] = load_file(name, (EXAMPLES / name).read_bytes())
    return decode_task(document)


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: path.name)
def test_every_example_is_read_and_admitted(path: Path) -> None:
    spec = read(path.name).spec

    assert admit(spec) == ()
    assert spec.image in IMAGES


def test_every_example_is_in_the_list_of_examples() -> None:
    listed = (EXAMPLES / "README.md").read_text()

    assert [path.name for path in TASK_FILES if f"]({path.name})" not in listed] == []


def test_the_web_example_is_one_task_in_three_formats() -> None:
    assert read("web.json") == read("web.toml") == read("web.yaml")


def test_the_ancestors_examples_keep_their_ids_and_ports() -> None:
    first, second = read("task1.json"), read("task2.json")

    assert first.task_id == "21b23589-5d2d-4731-b5c9-a97e9832d021"
    assert first.spec.ports == (Port(7777, 7777),)
    assert second.task_id == "bb1d59ef-9fc1-4e4b-a44d-db571eeed203"
    assert second.spec.ports == (Port(7777),)


def test_there_is_an_example_of_each_restart_policy() -> None:
    assert {policy: read(f"restart-{policy}.json").spec.restart for policy in RestartPolicy} == {
        policy: policy for policy in RestartPolicy
    }
