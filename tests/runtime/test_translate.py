"""Between cube's words and the engine's: the create request as a whole, and answers as engines give them."""

from __future__ import annotations

import msgspec
import pytest

from cube.model.allocation import Exit, PortBinding
from cube.model.container import ContainerSeen, ContainerState, RunLabel
from cube.model.ids import NodeId, TaskId, allocation_id
from cube.model.resources import Resources
from cube.model.spec import TaskSpec
from cube.runtime.labels import encode_label
from cube.runtime.translate import EngineInfo, Inspected, Listed, nanoseconds

LABEL = RunLabel(
    cluster_id="c1",
    node_id=NodeId("w1"),
    allocation_id=allocation_id(TaskId("t"), 2, 5),
    restart=0,
    spec=TaskSpec(name="web", image="nginx:1.27"),
)


def inspected(state: dict[str, object], **fields: object) -> Inspected:
    answer = {
        "Id": "abc",
        "State": state,
        "Config": {"Labels": encode_label(LABEL), "Tty": False},
        "NetworkSettings": {"Networks": {}, "Ports": {}},
        "SomethingNew": [1, 2],
    }
    return msgspec.json.decode(msgspec.json.encode(answer | fields), type=Inspected)


RUNNING = {
    "Status": "running",
    "OOMKilled": False,
    "ExitCode": 0,
    "StartedAt": "2026-11-22T13:43:54.497305384Z",
    "FinishedAt": "0001-01-01T00:00:00Z",
}
ENDED = RUNNING | {
    "Status": "exited",
    "ExitCode": 137,
    "FinishedAt": "2026-11-22T13:43:55.651104263Z",
}


def test_a_running_container_is_seen_with_address_and_ports() -> None:
    network = {
        "Networks": {"bridge": {"IPAddress": "172.17.0.2", "EndpointID": "e1"}},
        "Ports": {
            "81/tcp": None,
            "9/sctp": [{"HostIp": "0.0.0.0", "HostPort": "9"}],
            "80/tcp": [
                {"HostIp": "0.0.0.0", "HostPort": "32768"},
                {"HostIp": "0.0.0.0", "HostPort": "8080"},
            ],
        },
    }

    assert inspected(RUNNING, NetworkSettings=network).seen() == ContainerSeen(
        id="abc",
        label=LABEL,
        state=ContainerState.RUNNING,
        address="172.17.0.2",
        ports=(PortBinding(80, 8080), PortBinding(80, 32768)),
        started_ms=1795355034497,
    )


@pytest.mark.parametrize(
    ("changed", "exit"),
    [
        ({}, Exit(137)),
        ({"OOMKilled": True}, Exit(137, out_of_memory=True)),
        ({"OOMKilled": True, "ExitCode": 0}, Exit(0)),
        ({"Status": "dead"}, Exit(137)),
        ({"Status": "removing"}, Exit(137)),
    ],
)
def test_an_ended_container_is_seen_with_its_exit(changed: dict[str, object], exit: Exit) -> None:
    seen = inspected(ENDED | changed).seen()

    assert seen is not None
    assert (seen.state, seen.exit) == (ContainerState.EXITED, exit)
    assert (seen.started_ms, seen.finished_ms) == (1795355034497, 1795355035651)


def test_an_ended_container_has_no_network_even_while_the_engine_still_shows_it() -> None:
    network = {
        "Networks": {"bridge": {"IPAddress": "172.17.0.2"}},
        "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]},
    }

    seen = inspected(ENDED, NetworkSettings=network).seen()

    assert seen is not None
    assert (seen.address, seen.ports) == ("", ())


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("created", ContainerState.CREATED),
        ("paused", ContainerState.PAUSED),
        ("restarting", ContainerState.RUNNING),
    ],
)
def test_the_engines_states_are_cubes(status: str, state: ContainerState) -> None:
    seen = inspected(RUNNING | {"Status": status}).seen()

    assert seen is not None
    assert (seen.state, seen.exit) == (state, None)


def test_a_container_without_cubes_labels_is_not_seen() -> None:
    assert inspected(RUNNING, Config={"Labels": None}).seen() is None
    assert msgspec.convert({"Id": "abc", "State": "running"}, Listed).seen(0) is None


def test_an_end_that_the_engine_wrote_down_before_the_start_is_not_before_it() -> None:
    seen = inspected(ENDED | {"FinishedAt": "2026-11-22T13:43:54.495Z"}).seen()
    assert seen is not None
    assert seen.finished_ms == seen.started_ms


def test_a_listed_container_is_seen_as_an_inspected_one() -> None:
    row = {
        "Id": "abc",
        "State": "running",
        "Labels": encode_label(LABEL),
        "Ports": [
            {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"PrivatePort": 81, "Type": "tcp"},
        ],
        "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}}},
    }

    assert msgspec.convert(row, Listed).seen(7) == ContainerSeen(
        id="abc",
        label=LABEL,
        state=ContainerState.RUNNING,
        address="172.17.0.2",
        ports=(PortBinding(80, 8080),),
        started_ms=7,
    )


@pytest.mark.parametrize(
    ("architecture", "platform"),
    [("x86_64", "linux/amd64"), ("aarch64", "linux/arm64"), ("riscv64", "linux/riscv64")],
)
def test_an_engines_facts_use_the_names_of_images(architecture: str, platform: str) -> None:
    answer = {
        "ServerVersion": "20.10.24",
        "OSType": "linux",
        "Architecture": architecture,
        "NCPU": 2,
        "MemTotal": 8 << 30,
    }
    facts = msgspec.convert(answer, EngineInfo).facts()

    assert (facts.version, facts.platform) == ("20.10.24", platform)
    assert facts.capacity == Resources(2000, 8 << 30, 0)


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2026-11-22T13:43:54.497305384Z", 1795355034_497305384),
        ("2026-11-22T13:43:54Z", 1795355034_000000000),
        ("2026-11-22T13:43:54.5Z", 1795355034_500000000),
        ("2026-11-22T15:43:54.5+02:00", 1795355034_500000000),
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
    ],
)
def test_times_keep_all_their_digits(timestamp: str, expected: int) -> None:
    assert nanoseconds(timestamp) == expected


@pytest.mark.parametrize("text", ["hello", "2026-11-22T13:43:54", "2026-11-22"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        nanoseconds(text)
