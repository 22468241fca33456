"""What a task may attach of its machine, as far as anybody can tell without the machine."""

from __future__ import annotations

from typing import Any

import pytest

from cube.core.admission import admit
from cube.model.spec import Device, Mount, Network, Port, Secret, Tmpfs, Volume
from tests.builders import a_spec


def objections_to(**fields: Any) -> dict[str, str]:
    return {one.path: one.message for one in admit(a_spec(**fields))}


def test_what_is_well_said_passes() -> None:
    assert not objections_to(
        privileged=True,
        network=Network.HOST,
        ports=(Port(80), Port(443, 443)),
        devices=(Device("/dev/fuse"), Device("/dev/snd/pcm", "/dev/x", "rw")),
        mounts=(Mount("data", "/data"),),
        secrets=(Secret("db"), Secret("db", target="copy"), Secret("db", as_env="DB")),
    )


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"devices": (Device("/etc/passwd"),)}, "devices[0].path"),
        ({"devices": (Device("/dev/fuse", "x"),)}, "devices[0].target"),
        ({"devices": (Device("/dev/fuse", permissions="rr"),)}, "devices[0].permissions"),
        ({"devices": (Device("/dev/fuse"),) * 65}, "devices"),
        ({"mounts": (Mount("/srv", "/data"),)}, "mounts[0].name"),
        ({"mounts": (Mount("data", "/run/secrets/x"),)}, "mounts[0].path"),
        ({"tmpfs": (Tmpfs("/var/run/secrets"),)}, "tmpfs[0].path"),
        ({"volumes": (Volume("data", "/d"),), "mounts": (Mount("x", "/d"),)}, "mounts[0].path"),
        ({"network": Network.HOST, "ports": (Port(80, 8080),)}, "ports[0].host_port"),
        ({"network": Network.HOST, "ports": (Port(80, host_ip="::1"),)}, "ports[0].host_ip"),
        ({"secrets": (Secret("Db"),)}, "secrets[0].name"),
        ({"secrets": (Secret("db", target="../x"),)}, "secrets[0].target"),
        ({"secrets": (Secret("db", as_env="A B"),)}, "secrets[0].as_env"),
        ({"secrets": (Secret("db", as_env="A"),), "env": {"A": "x"}}, "secrets[0].as_env"),
        ({"secrets": (Secret("db", mode=0o044),)}, "secrets[0].mode"),
        ({"secrets": (Secret("db", mode=0o4400),)}, "secrets[0].mode"),
        ({"secrets": (Secret("db"), Secret("x", target="db"))}, "secrets[1]"),
    ],
)
def test_what_cannot_be_meant_is_named(fields: dict[str, Any], path: str) -> None:
    assert list(objections_to(**fields)) == [path]
