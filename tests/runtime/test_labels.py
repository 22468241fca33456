"""Labels and names: what is written on a container is read back whole, and nobody can imitate it."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from cube.model.allocation import FailureKind
from cube.model.container import RunLabel
from cube.model.extras import Share
from cube.model.ids import NodeId, TaskId, allocation_id
from cube.model.spec import HealthCheck, Port, ProbeKind, Protocol, RestartPolicy, TaskSpec
from cube.runtime.contract import RuntimeFailure
from cube.runtime.labels import (
    NAMES_TRIED,
    container_names,
    decode_label,
    encode_label,
    hostname,
    same_run,
)

TASK = TaskId("1d4cbb2e-24ad-4a7d-8b3f-9f3a6c1f4a10")
SPEC = TaskSpec(
    name="web",
    image="nginx:1.27",
    env={"GREETING": "grüß dich\n"},
    labels={"team": "a"},
    ports=(Port(80, 8080, Protocol.UDP),),
    restart=RestartPolicy.ALWAYS,
    health=HealthCheck(kind=ProbeKind.COMMAND, command=("true",)),
)
LABEL = RunLabel(
    cluster_id="c1",
    node_id=NodeId("w1"),
    allocation_id=allocation_id(TASK, 2, 5),
    restart=3,
    spec=SPEC,
)


def test_a_label_is_read_as_it_was_written() -> None:
    assert decode_label(encode_label(LABEL)) == LABEL


def test_people_can_filter_by_the_parts_of_a_label() -> None:
    labels = encode_label(LABEL)

    assert {key: value for key, value in labels.items() if key != "cube.spec"} == {
        "team": "a",
        "cube.cluster": "c1",
        "cube.node": "w1",
        "cube.task": TASK,
        "cube.task.name": "web",
        "cube.slot": "2",
        "cube.generation": "5",
        "cube.restart": "3",
        "cube.revision": "0",
        "cube.allocation": f"{TASK}.2.5",
    }


def test_a_user_cannot_set_a_label_of_cube() -> None:
    forged = replace(LABEL, spec=replace(SPEC, labels={"cube.anything": "x"}))

    with pytest.raises(RuntimeFailure, match=r"cube\.anything") as raised:
        encode_label(forged)

    assert raised.value.kind is FailureKind.BAD_SPEC


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cube.spec", "{"),
        ("cube.spec", '{"name": "web"}'),
        ("cube.restart", "many"),
        ("cube.allocation", "no-allocation"),
        ("cube.cluster", None),
    ],
)
def test_labels_that_cannot_be_read_name_nothing(key: str, value: str | None) -> None:
    labels = encode_label(LABEL)
    if value is None:
        del labels[key]
    else:
        labels[key] = value

    assert decode_label(labels) is None


def test_a_run_is_the_same_whatever_its_spec_says() -> None:
    assert same_run(LABEL, replace(LABEL, spec=replace(SPEC, image="other")))
    assert not same_run(LABEL, replace(LABEL, restart=4))
    assert not same_run(LABEL, replace(LABEL, node_id=NodeId("w2")))


def test_a_run_has_the_same_names_every_time() -> None:
    names = list(container_names(LABEL))

    assert names == list(container_names(LABEL))
    assert len(names) == NAMES_TRIED
    assert re.fullmatch(r"cube-web-2-[0-9a-f]{8}", names[0])
    assert names[1:3] == [f"{names[0]}-2", f"{names[0]}-3"]


@pytest.mark.parametrize(
    "other",
    [
        replace(LABEL, cluster_id="c2"),
        replace(LABEL, restart=4),
        replace(LABEL, allocation_id=allocation_id(TASK, 2, 6)),
    ],
)
def test_another_run_has_another_name(other: RunLabel) -> None:
    assert next(container_names(other)) != next(container_names(LABEL))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web", "web-2"),
        ("my.web_app", "my-web-app-2"),
        ("a" * 80, "a" * 61 + "-2"),
        ("_", "task-2"),
    ],
)
def test_a_host_name_is_valid_and_shows_the_slot(name: str, expected: str) -> None:
    label = replace(LABEL, spec=replace(SPEC, name=name))

    assert hostname(label) == expected
    assert len(hostname(label)) <= 63


def test_devices_are_remembered_by_the_container_and_left_out_where_there_are_none() -> None:
    held = replace(LABEL, devices=(Share("gpu", 3, 500),))
    assert decode_label(encode_label(held)) == held
    assert "cube.devices" not in encode_label(LABEL)
