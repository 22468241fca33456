"""Attacks on a worker's policy: by people through the API, and by a manager that was broken into.

The numbers are those of the table in docs/explanation/security.md.
"""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiodocker
import pytest

from cube.core.admission import admit
from cube.errors import InvalidInput
from cube.model.allocation import FailureKind
from cube.model.container import ContainerState
from cube.model.ids import AllocationId
from cube.model.orders import Remove
from cube.model.policy import HostPolicy, MountRight, Policy
from cube.model.spec import Device, Mount, Network, Tmpfs, Volume
from cube.wire.strict import decode
from cube.wire.taskfile import decode_task
from tests.scenarios.one_worker import one_worker

# A18 --------------------------------------------------------------------------------

SPELLINGS: dict[str, list[dict[str, Any]]] = {
    "host pid": [
        {"pid": "host"},
        {"Pid": "host"},
        {"pid_mode": "host"},
        {"PidMode": "host"},
        {"HostConfig": {"PidMode": "host"}},
    ],
    "host ipc": [
        {"ipc": "host"},
        {"IPC": "host"},
        {"ipc_mode": "host"},
        {"IpcMode": "host"},
        {"host_config": {"IpcMode": "host"}},
    ],
    "host uts and users": [
        {"uts": "host"},
        {"userns": "host"},
        {"userns_mode": "host"},
        {"UsernsMode": "host"},
        {"UTSMode": "host"},
    ],
    "another network": [
        {"network": "container:x"},
        {"network": "HOST"},
        {"network": "host "},
        {"network_mode": "host"},
        {"networks": ["host"]},
    ],
    "every capability": [
        {"cap_add": ["ALL"]},
        {"cap_add": ["all"]},
        {"cap_add": ["CAP_ALL"]},
        {"cap_add": ["CAP_SYS_ADMIN"]},
        {"CapAdd": ["SYS_ADMIN"]},
    ],
    "no seccomp": [
        {"security_opt": ["seccomp=unconfined"]},
        {"securityOpt": ["seccomp:unconfined"]},
        {"SecurityOpt": ["apparmor=unconfined"]},
        {"seccomp": "unconfined"},
        {"labels": {"cube.security": "none"}},
    ],
    "another runtime": [
        {"runtime": "x"},
        {"Runtime": "x"},
        {"oci_runtime": "x"},
        {"cgroup_parent": "/"},
        {"sysctls": {"kernel.core_pattern": "|/x"}},
    ],
    "privileged by another word": [
        {"Privileged": True},
        {"privileged": "true"},
        {"privileged": 1},
        {"privilege": True},
        {"privileged": ["true"]},
    ],
    "a device by a detour": [
        {"devices": ["/etc/shadow"]},
        {"devices": ["/dev/../etc/shadow"]},
        {"devices": ["dev/sda"]},
        {"devices": ["/dev"]},
        {"devices": ["/dev//sda"]},
    ],
}  # fmt: skip
CASES = [(kind, extra) for kind, extras in SPELLINGS.items() for extra in extras]


def objections(body: bytes) -> list[str]:
    """Return what the manager would object to."""
    try:
        spec = decode_task(decode(body)).spec
    except InvalidInput as error:
        return [one.path for one in error.objections]
    return [one.path for one in admit(spec)]


@pytest.mark.parametrize(("kind", "extra"), CASES, ids=[f"{k}-{e}" for k, e in CASES])
def test_a18_no_spelling_gets_more_than_it_says(kind: str, extra: dict[str, Any]) -> None:
    assert objections(json.dumps({"name": "web", "image": "busybox"} | extra).encode()), kind


@pytest.mark.parametrize("key", ["privileged", "network", "mounts", "devices"])
def test_a18_a_key_that_comes_twice_is_refused(key: str) -> None:
    body = f'{{"name":"web","image":"busybox","{key}":false,"{key}":true}}'.encode()
    assert key in objections(body)


# A19, A21, A23: what the API refuses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "extra",
    [
        {"volumes": ["/:/host"]},
        {"volumes": ["/var/run/docker.sock:/s"]},
        {"volumes": ["../x:/s"]},
        {"volumes": [{"name": "v", "path": "/s", "driver_opts": {"device": "/"}}]},
        {"mounts": ["/:/host"]},
        {"mounts": ["../etc:/host"]},
        {"mounts": [{"name": "/etc", "path": "/e"}]},
        {"mounts": [{"source": "/etc", "path": "/e"}]},
        {"mounts": ["data:/run/secrets"]},
        {"tmpfs": ["/"]},
        {"tmpfs": ["/run/secrets"]},
        {"tmpfs": ["/run/./secrets/db"]},
        {"tmpfs": ["/var/run/secrets"]},
        {"volumes": ["v:/"]},
    ],
)
def test_a19_no_path_of_the_host_and_no_place_over_cubes_own(extra: dict[str, Any]) -> None:
    assert objections(json.dumps({"name": "web", "image": "busybox"} | extra).encode())


@pytest.mark.parametrize(
    "key", ["cube.node", "cube.allocation", "Cube.node", "CUBE.x", "cube.spec"]
)
def test_a21_cubes_own_labels_cannot_be_set(key: str) -> None:
    body = json.dumps({"name": "web", "image": "busybox", "labels": {key: "x"}}).encode()
    assert objections(body) == [f"labels.{key}"]


@pytest.mark.parametrize(
    "path", ["/proc/self/fd/8", "//proc/self/fd/8", "/./sys", "/dev/fd/8", "/x/../proc"]
)
def test_a23_no_working_directory_leads_into_the_kernel(path: str) -> None:
    body = json.dumps({"name": "web", "image": "busybox", "workdir": path}).encode()
    assert objections(body) == ["workdir"]


# A18 to A21: straight to the worker ----------------------------------------------------------------------------------


@pytest.fixture
async def engine() -> AsyncIterator[aiodocker.Docker]:
    """The engine as somebody else sees it."""
    docker = aiodocker.Docker()
    yield docker
    await docker.close()


FORBIDDEN: list[dict[str, Any]] = [
    {"privileged": True},
    {"network": Network.HOST},
    {"devices": (Device("/dev/fuse"),)},
    {"devices": (Device("/dev/../etc/shadow"),)},
    {"cap_add": ("SYS_ADMIN",)},
    {"cap_add": ("ALL",)},
    {"cap_add": ("cap_sys_admin",)},
    {"cap_drop": ("all",), "cap_add": ("MKNOD",)},
    {"pids_limit": -1},
    {"pids_limit": 0},
    {"mounts": (Mount("data", "/data"),)},
    {"mounts": (Mount("/", "/host"),)},
    {"volumes": (Volume("/", "/host"),)},
    {"volumes": (Volume("/var/run/docker.sock", "/s"),)},
    {"tmpfs": (Tmpfs("/run/secrets"),)},
    {"tmpfs": (Tmpfs("/"),)},
    {"workdir": "/proc/self/fd/8"},
    {"labels": {"cube.node": "other"}},
]


@pytest.mark.docker
async def test_a20_a_manager_that_was_broken_into_gets_nothing_forbidden(tmp_path: Path) -> None:
    async with one_worker(tmp_path) as worker:
        for slot, asked in enumerate(FORBIDDEN, start=1):
            id = await worker.run(slot, restart="always", **asked)
            await worker.until(id, "FAILED")
            failure = [seen.failure for one, seen in worker.manager.reports if one == id][-1]
            assert failure is not None, asked
            assert failure.kind in (FailureKind.NOT_ALLOWED, FailureKind.BAD_SPEC), asked
        assert await worker.engine.containers() == []


@pytest.mark.docker
async def test_a20_what_runs_is_kept_whatever_a_manager_leaves_out_or_names(
    tmp_path: Path, engine: aiodocker.Docker
) -> None:
    config: dict[str, Any] = {
        "Image": "busybox:latest",
        "Cmd": ["sleep", "600"],
        "Labels": {"mine": "yes"},
    }
    stranger = await engine.containers.create(config, name=f"stranger-{tmp_path.name}")
    try:
        await stranger.start()
        async with one_worker(tmp_path) as worker:
            id = await worker.run()
            await worker.until(id, "RUNNING")
            await worker.manager.instruct()  # an empty assignment
            await worker.manager.instruct(
                Remove(id=AllocationId(stranger.id), reason="by its id"),
                Remove(id=AllocationId(f"stranger-{tmp_path.name}"), reason="by its name"),
            )
            await worker.manager.hang_up()
            await worker.manager.until(lambda: len(worker.manager.hellos) > 1)
            other = await worker.run(slot=2)
            await worker.until(other, "RUNNING")
            assert {seen.state for seen in await worker.engine.containers()} == {
                ContainerState.RUNNING
            }
            assert (await stranger.show())["State"]["Running"]
    finally:
        await stranger.delete(force=True)


@pytest.mark.docker
async def test_a19_no_container_has_a_path_of_the_host_outside_of_the_policy(
    tmp_path: Path, engine: aiodocker.Docker
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "escape").symlink_to("/etc/hostname")
    policy = HostPolicy(
        allows=Policy(mounts=(MountRight("data", read_only=True),)), sources={"data": str(folder)}
    )
    (tmp_path / "worker").mkdir()
    async with one_worker(tmp_path / "worker", policy=policy) as worker:
        id = await worker.run(
            mounts=(Mount("data", "/data", read_only=True),),
            volumes=(Volume(f"v-{tmp_path.name}", "/v"),),
        )
        await worker.until(id, "RUNNING")
        [seen] = await worker.engine.containers()
        shown = await (await engine.containers.get(seen.id)).show()
        binds = [mount for mount in shown["Mounts"] if mount["Type"] == "bind"]
        assert [(one["Source"], one["RW"]) for one in binds] == [(str(folder), False)]
        assert shown["HostConfig"]["SecurityOpt"] == ["no-new-privileges"]
        result = await worker.engine.run_command(
            seen.id,
            ("sh", "-c", "cat /data/escape; grep -c . /etc/shadow; mknod /tmp/d b 8 0"),
            5000,
        )
        assert socket.gethostname() not in result.output  # a link leads within the container
        assert "Operation not permitted" in result.output
    async with engine._query(f"volumes/v-{tmp_path.name}", method="DELETE"):
        pass


# A32 --------------------------------------------------------------------------------


@pytest.mark.docker
@pytest.mark.parametrize("image", ["127.0.0.1:7440/x", "localhost:7440/x", "[::1]:7440/x"])
async def test_a32_a_registry_that_is_not_allowed_is_not_asked(tmp_path: Path, image: str) -> None:
    policy = HostPolicy(allows=Policy(images=("docker.io/library/busybox",)))
    async with one_worker(tmp_path, policy=policy) as worker:
        id = await worker.run(image=image, pull="always")
        await worker.until(id, "FAILED")
        failure = worker.manager.newest.failure
        assert failure is not None
        assert failure.kind is FailureKind.NOT_ALLOWED

        good = await worker.run(slot=2, image="docker.io/busybox")
        await worker.until(good, "RUNNING")
