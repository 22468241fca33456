"""What follows from a spec: what it reserves, which ports it takes, which change needs new containers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cube.model.resources import NOTHING, Resources
from cube.model.spec import (
    Device,
    HealthCheck,
    Mount,
    Network,
    OnDisconnect,
    Port,
    Preference,
    ProbeKind,
    Protocol,
    PullPolicy,
    RestartPolicy,
    Secret,
    Spread,
    TaskSpec,
    Tmpfs,
    Ulimit,
    Volume,
)
from tests.builders import a_spec

WHERE_AND_HOW_MANY: dict[str, Any] = {
    "replicas": 7,
    "constraints": ("zone==eu-1",),
    "platform": "linux/arm64",
    "spread": (Spread("zone"),),
    "prefer": (Preference("disk==ssd"),),
    "max_per_node": 2,
    "strategy": "binpack",
    "priority": 90,
    "preempt": True,
}
OF_THE_CONTAINER: dict[str, Any] = {
    "name": "other",
    "image": "other:1",
    "command": ("sleep", "1"),
    "entrypoint": ("/bin/sh",),
    "env": {"A": "1"},
    "workdir": "/srv",
    "user": "1000",
    "labels": {"tier": "front"},
    "cpu_millis": 100,
    "memory_bytes": 1,
    "disk_bytes": 1,
    "extras_millis": {"gpu": 500},
    "pids_limit": 10,
    "ulimits": (Ulimit("nofile", 1, 2),),
    "cap_add": ("NET_ADMIN",),
    "cap_drop": ("CHOWN",),
    "read_only": True,
    "privileged": True,
    "devices": (Device("/dev/fuse"),),
    "mounts": (Mount("data", "/data"),),
    "network": Network.HOST,
    "ports": (Port(80),),
    "volumes": (Volume("data", "/data"),),
    "tmpfs": (Tmpfs("/tmp"),),
    "secrets": (Secret("db"),),
    "pull": PullPolicy.ALWAYS,
    "restart": RestartPolicy.NEVER,
    "max_restarts": 3,
    "stop_signal": "SIGINT",
    "stop_grace_ms": 1,
    "health": HealthCheck(ProbeKind.TCP, port=80),
    "on_disconnect": OnDisconnect.STOP,
}


def test_every_field_is_either_of_the_container_or_about_where_and_how_many() -> None:
    fields = {field.name for field in msgspec.structs.fields(TaskSpec)}
    assert fields == WHERE_AND_HOW_MANY.keys() | OF_THE_CONTAINER.keys()


def test_whether_a_volume_is_shared_is_no_part_of_the_template() -> None:
    volume = Volume("data", "/data")
    shared = a_spec(volumes=(msgspec.structs.replace(volume, shared=True),))
    assert shared.template == a_spec(volumes=(volume,)).template


@pytest.mark.parametrize("field", WHERE_AND_HOW_MANY)
def test_where_and_how_many_is_no_part_of_the_template(field: str) -> None:
    changed = a_spec(**{field: WHERE_AND_HOW_MANY[field]})
    assert changed != a_spec()
    assert changed.template == a_spec().template


@pytest.mark.parametrize("field", OF_THE_CONTAINER)
def test_what_the_container_is_made_of_is_part_of_the_template(field: str) -> None:
    assert a_spec(**{field: OF_THE_CONTAINER[field]}).template != a_spec().template


def test_a_replica_reserves_what_its_spec_asks_for() -> None:
    assert a_spec().demand == NOTHING
    assert a_spec(cpu_millis=1, memory_bytes=2, disk_bytes=3).demand == Resources(1, 2, 3)


def test_only_a_port_with_a_number_of_its_own_is_taken_on_the_node() -> None:
    spec = a_spec(ports=(Port(80, 8080), Port(81), Port(53, 53, Protocol.UDP)))
    assert spec.host_ports == ((8080, Protocol.TCP), (53, Protocol.UDP))
