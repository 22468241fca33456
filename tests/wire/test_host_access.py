"""The short forms of mounts, devices and secrets."""

from __future__ import annotations

import pytest

from cube.errors import InvalidInput
from cube.model.spec import Device, Mount, Secret
from cube.wire.host_access import device, mount, secret


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("data:/srv", Mount("data", "/srv")),
        ("data:/srv:ro", Mount("data", "/srv", read_only=True)),
        ({"name": "data", "path": "/srv"}, Mount("data", "/srv")),
    ],
)
def test_a_mount_names_a_folder_and_a_place(written: object, meant: Mount) -> None:
    assert mount(written, "x") == meant


@pytest.mark.parametrize("written", ["data", "data:", "data:/srv:rx", {"name": "x"}, 3])
def test_what_is_no_mount_is_refused(written: object) -> None:
    with pytest.raises(InvalidInput):
        mount(written, "x")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/dev/fuse", Device("/dev/fuse")),
        ("/dev/fuse:r", Device("/dev/fuse", permissions="r")),
        ("/dev/sda:/dev/xvda", Device("/dev/sda", "/dev/xvda")),
        ("/dev/sda:/dev/xvda:rw", Device("/dev/sda", "/dev/xvda", "rw")),
        ({"path": "/dev/fuse"}, Device("/dev/fuse")),
    ],
)
def test_a_device_is_written_as_for_docker(written: object, meant: Device) -> None:
    assert device(written, "x") == meant


@pytest.mark.parametrize("written", ["/dev/a:/dev/b:rw:x", {}, {"path": 1}])
def test_what_is_no_device_is_refused(written: object) -> None:
    with pytest.raises(InvalidInput):
        device(written, "x")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("db", Secret("db")),
        ({"name": "db", "mode": "0440"}, Secret("db", mode=0o440)),
        ({"name": "db", "mode": "400"}, Secret("db")),
        ({"name": "db", "mode": 0o444}, Secret("db", mode=0o444)),
        ({"name": "db", "as_env": "DB"}, Secret("db", as_env="DB")),
    ],
)
def test_a_secret_is_named(written: object, meant: Secret) -> None:
    assert secret(written, "x") == meant


@pytest.mark.parametrize(
    "written", [{"name": "db", "mode": "rw"}, {"name": "db", "mode": True}, {"value": "x"}, 3]
)
def test_what_is_no_secret_is_refused(written: object) -> None:
    with pytest.raises(InvalidInput):
        secret(written, "x")
