"""The documents people have for cube's ancestors, in each spelling that either of them took."""

from __future__ import annotations

from typing import Any

import pytest

from cube.errors import InvalidInput
from cube.model.spec import HealthCheck, Port, ProbeKind, Protocol, RestartPolicy, TaskSpec
from cube.wire.strict import fraction
from cube.wire.taskfile import Incoming, decode_task

ID = "21b23589-5d2d-4731-b5c9-a97e9832d021"
EVENT_ID = "6be4cb6b-61d1-40cb-bc7b-9cacefefa60c"
BARE = {"ID": ID, "Name": "echo", "Image": "timboring/echo-server:latest"}


def spec_of(**fields: Any) -> TaskSpec:
    return decode_task(BARE | fields).spec


def objections_to(document: object) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        decode_task(document)
    return [f"{objection.path}: {objection.message}" for objection in caught.value.objections]


def test_an_event_stands_for_the_task_inside_it() -> None:
    event = {
        "ID": EVENT_ID,
        "State": 2,
        "Timestamp": "0001-01-01T00:00:00Z",
        "Task": BARE | {"State": 1},
    }

    spec = TaskSpec(name="echo", image="timboring/echo-server:latest")
    assert decode_task(event) == Incoming(ID, spec)  # type: ignore[arg-type]
    assert decode_task(event) == decode_task(event["Task"])


def test_an_event_may_hold_a_task_in_cubes_own_form() -> None:
    task = {"name": "web", "image": "a", "replicas": 3, "health": {"tcp": 80}}

    assert decode_task({"ID": EVENT_ID, "State": 1, "Task": task}) == decode_task(task)


@pytest.mark.parametrize(
    "spell",
    [str, str.lower, str.upper, lambda key: "_".join(key), lambda key: key[0].lower() + key[1:]],
    ids=["Pascal", "lower", "UPPER", "under_scores", "camel"],
)
def test_keys_match_in_any_case_and_with_underscores(spell: Any) -> None:
    document = BARE | {
        "ContainerID": "abc",
        "State": 1,
        "Cpu": fraction("0.5"),
        "Memory": 64 * 1024**2,
        "Disk": 1024,
        "ExposedPorts": {"7777/tcp": {}},
        "PortBindings": {"7777/tcp": "7777"},
        "HostPorts": {"7777/tcp": [{"HostIp": "0.0.0.0", "HostPort": "49153"}]},
        "RestartPolicy": "always",
        "StartTime": "0001-01-01T00:00:00Z",
        "FinishTime": "0001-01-01T00:00:00Z",
        "HealthCheck": "/health",
        "RestartCount": 2,
    }

    assert decode_task({spell(key): value for key, value in document.items()}) == Incoming(
        ID,  # type: ignore[arg-type]
        TaskSpec(
            name="echo",
            image="timboring/echo-server:latest",
            cpu_millis=500,
            memory_bytes=64 * 1024**2,
            disk_bytes=1024,
            ports=(Port(7777, 7777),),
            restart=RestartPolicy.ALWAYS,
            health=HealthCheck(ProbeKind.HTTP, path="/health"),
        ),
    )


@pytest.mark.parametrize("key", ["ExposedPorts", "ExposedPort", "exposed_ports", "EXPOSEDPORT"])
def test_exposed_ports_get_any_free_host_port(key: str) -> None:
    ports = spec_of(**{key: {"7777/tcp": {}, "53/udp": {}, "80": {}}}).ports

    assert ports == (Port(7777), Port(53, 0, Protocol.UDP), Port(80))


def test_bindings_are_honoured_and_win_over_exposure() -> None:
    ports = spec_of(
        ExposedPorts={"1/tcp": {}, "2/tcp": {}}, PortBindings={"2/tcp": "8002", "3/udp": 8003}
    ).ports

    assert ports == (Port(1), Port(2, 8002), Port(3, 8003, Protocol.UDP))


def test_an_empty_binding_means_any_host_port() -> None:
    assert spec_of(PortBindings={"7777/tcp": ""}).ports == (Port(7777),)


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ("", RestartPolicy.ON_FAILURE),
        ("always", RestartPolicy.ALWAYS),
        ("unless-stopped", RestartPolicy.ALWAYS),
        ("on-failure", RestartPolicy.ON_FAILURE),
    ],
)
def test_dockers_restart_policies_are_understood(written: str, policy: RestartPolicy) -> None:
    assert spec_of(RestartPolicy=written).restart is policy


@pytest.mark.parametrize("key", ["ContainerID", "ContainerId", "StartTime", "FinishTime"])
@pytest.mark.parametrize("value", ["", None, "2024-01-15T09:30:00.123456789Z"])
def test_what_the_ancestors_report_means_nothing(key: str, value: object) -> None:
    assert spec_of(**{key: value}) == spec_of()


def test_values_go_left_unset_mean_nothing() -> None:
    zero = "00000000-0000-0000-0000-000000000000"
    nothing = {"ExposedPorts": None, "PortBindings": None, "HostPorts": None, "HealthCheck": ""}

    assert decode_task(BARE | nothing | {"ID": zero}) == Incoming(None, spec_of())


def test_ids_are_uuids_in_lower_case() -> None:
    assert decode_task(BARE | {"ID": ID.upper()}).task_id == ID
    assert objections_to(BARE | {"ID": "task-1"})[0].startswith('ID: expected a UUID, got "task-1"')


def test_an_event_that_asks_to_stop_starts_nothing() -> None:
    event = {"ID": EVENT_ID, "State": 3, "Task": BARE}

    assert objections_to(event) == [
        "State: 3 asks to stop the task; send DELETE /task/{id}, or use `cube stop`"
    ]


def test_everything_wrong_in_an_event_is_told_with_the_keys_as_written() -> None:
    event = {
        "ID": "x",
        "Sate": 2,
        "Task": {
            "Image": "a",
            "HealthCheck": "health",
            "ExposedPorts": ["7777/tcp"],
            "PortBindings": {"web": "1", "7777/tcp": "http"},
            "Memry": 5,
        },
    }

    told = objections_to(event)
    assert [said.partition(":")[0] for said in told] == [
        "ID",
        "Sate",
        "Task.HealthCheck",
        "Task.ExposedPorts",
        "Task.PortBindings.web",
        "Task.PortBindings.7777/tcp",
        "Task.Memry",
        "Task.name",
    ]
    assert told[1].endswith("did you mean `State`?")
    assert told[6].endswith("did you mean `memory`?")


def test_ports_are_not_said_in_two_forms() -> None:
    assert objections_to(BARE | {"ExposedPorts": {"1/tcp": {}}, "ports": [1]}) == [
        "ports: says the same as the other port keys; keep one form"
    ]


@pytest.mark.parametrize("task", [None, 5, [], "echo"])
def test_an_event_needs_a_task(task: object) -> None:
    assert objections_to({"ID": EVENT_ID, "State": 2, "Task": task})[0].startswith("Task: ")
