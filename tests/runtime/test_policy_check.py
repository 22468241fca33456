"""The last word of a worker's policy, on the request that the engine would get."""

from __future__ import annotations

from typing import Any

import pytest

from cube.model.allocation import FailureKind
from cube.model.container import RunLabel
from cube.model.ids import NodeId, TaskId, allocation_id
from cube.model.policy import CLOSED, HostPolicy, MountRight, Policy
from cube.model.spec import Device, Mount, Network, TaskSpec, Tmpfs, Volume
from cube.runtime.contract import RuntimeFailure
from cube.runtime.policy_check import check_image, check_request
from cube.runtime.request import create_body

OPEN = HostPolicy(
    allows=Policy(
        privileged=True,
        host_network=True,
        devices=("/dev/fuse",),
        capabilities=("NET_ADMIN", "MKNOD", "NET_RAW"),
        mounts=(MountRight("data"), MountRight("logs", read_only=True)),
        pids_most=0,
    ),
    sources={"data": "/srv/data", "logs": "/var/log/app"},
)


def a_request(policy: HostPolicy = CLOSED, **fields: Any) -> dict[str, Any]:
    spec = TaskSpec(**{"name": "web", "image": "busybox"} | fields)
    label = RunLabel(
        cluster_id="c",
        node_id=NodeId("w"),
        allocation_id=allocation_id(TaskId("t"), 1, 1),
        restart=0,
        spec=spec,
    )
    return create_body(label, policy)


def refusal(request: dict[str, Any], policy: HostPolicy = CLOSED) -> str:
    with pytest.raises(RuntimeFailure) as raised:
        check_request(request, policy)
    assert raised.value.kind is FailureKind.NOT_ALLOWED
    return raised.value.message.removeprefix("the policy of this worker does not allow ")


ASKED: list[tuple[dict[str, Any], str]] = [
    ({"privileged": True}, "privileged"),
    ({"network": Network.HOST}, "network: host"),
    ({"devices": (Device("/dev/fuse"),)}, "device /dev/fuse"),
    ({"cap_add": ("NET_ADMIN",)}, "capability NET_ADMIN"),
    ({"cap_add": ("NET_RAW",)}, "capability NET_RAW"),
    ({"pids_limit": -1}, "more than 32768 processes"),
]


@pytest.mark.parametrize(("asked", "words"), ASKED)
def test_what_is_not_allowed_is_named(asked: dict[str, Any], words: str) -> None:
    assert refusal(a_request(**asked)) == words
    check_request(a_request(OPEN, **asked), OPEN)


def test_an_ordinary_task_passes() -> None:
    check_request(
        a_request(
            volumes=(Volume("data", "/data"),),
            tmpfs=(Tmpfs("/run"), Tmpfs("/tmp", 1 << 20)),
            workdir="/srv",
            cap_drop=("ALL",),
            cap_add=("CHOWN",),
        ),
        CLOSED,
    )


HOST_FIELDS: list[tuple[str, object]] = [
    ("PidMode", "host"),
    ("IpcMode", "host"),
    ("UTSMode", "host"),
    ("UsernsMode", "host"),
    ("CgroupnsMode", "host"),
    ("CgroupParent", "/"),
    ("Runtime", "x"),
    ("Binds", ["/:/host"]),
    ("VolumesFrom", ["other"]),
    ("VolumeDriver", "local"),
    ("DeviceCgroupRules", ["a *:* rwm"]),
    ("DeviceRequests", []),
    ("Sysctls", {"kernel.core_pattern": "|/x"}),
    ("MaskedPaths", []),
    ("ReadonlyPaths", []),
    ("GroupAdd", ["0"]),
    ("OomScoreAdj", -1000),
    ("SecurityOpt", ["seccomp=unconfined"]),
    ("SecurityOpt", ["no-new-privileges", "apparmor=unconfined"]),
    ("NetworkMode", "container:other"),
    ("LogConfig", {"Type": "syslog"}),
    ("RestartPolicy", {"Name": "always"}),
    ("Mounts", [{"Type": "bind", "Source": "/", "Target": "/h", "ReadOnly": True}]),
    (
        "Mounts",
        [
            {
                "Type": "volume",
                "Source": "v",
                "Target": "/h",
                "ReadOnly": False,
                "VolumeOptions": {"DriverConfig": {"Options": {"o": "bind", "device": "/"}}},
            }
        ],
    ),
    ("Mounts", [{"Type": "volume", "Source": "/etc", "Target": "/h", "ReadOnly": False}]),
    ("Mounts", [{"Type": "npipe", "Source": "v", "Target": "/h", "ReadOnly": False}]),
    ("Tmpfs", {"/t": "exec,dev"}),
    ("CapAdd", ["ALL"]),
    ("CapAdd", ["CAP_SYS_ADMIN"]),
    ("CapAdd", ["sys_admin"]),
    ("Devices", [{"PathOnHost": "/dev/sda"}]),
]


@pytest.mark.parametrize(("field", "value"), HOST_FIELDS, ids=str)
def test_no_field_of_the_host_passes_that_nobody_judges(field: str, value: object) -> None:
    request = a_request(OPEN)
    request["HostConfig"][field] = value
    assert refusal(request, OPEN)


@pytest.mark.parametrize(
    "field", ["NetworkingConfig", "Healthcheck", "Volumes", "OnBuild", "Shell"]
)
def test_no_other_field_passes(field: str) -> None:
    assert refusal({**a_request(), field: {}}) == f"the field {field}"


@pytest.mark.parametrize("field", ["SecurityOpt", "LogConfig", "RestartPolicy"])
def test_what_protects_the_machine_cannot_be_left_out(field: str) -> None:
    request = a_request()
    del request["HostConfig"][field]
    assert refusal(request) == f"{field} as asked for"


def test_a_capability_that_docker_gives_has_to_be_dropped() -> None:
    request = a_request()
    request["HostConfig"]["CapDrop"] = ["MKNOD"]
    assert refusal(request) == "capability NET_RAW"


@pytest.mark.parametrize(
    "place", ["/", "//", "/.", "/run/secrets", "/run//secrets/x", "/proc", "/x/../etc"]
)
def test_nothing_is_mounted_over_what_is_not_the_tasks_own(place: str) -> None:
    for request in (
        a_request(tmpfs=(Tmpfs(place),)),
        a_request(volumes=(Volume("data", place),)),
        a_request(OPEN, mounts=(Mount("data", place),)),
    ):
        assert refusal(request, OPEN)


@pytest.mark.parametrize(
    "workdir", ["/proc/self/fd/8", "//proc/self/fd/8", "/sys/fs", "/dev/fd", "/./proc"]
)
def test_no_working_directory_leads_to_the_kernel(workdir: str) -> None:
    assert refusal(a_request(workdir=workdir)).startswith("the working directory")


def test_a_folder_is_mounted_by_its_name_and_as_the_policy_says() -> None:
    check_request(a_request(OPEN, mounts=(Mount("data", "/d"), Mount("logs", "/l", True))), OPEN)
    assert refusal(a_request(OPEN, mounts=(Mount("logs", "/l"),)), OPEN) == "Mounts as asked for"
    with pytest.raises(RuntimeFailure, match="does not allow mount other"):
        a_request(OPEN, mounts=(Mount("other", "/d"),))


LISTED = HostPolicy(allows=Policy(images=("docker.io/library/busybox", "r.example.com/team/*")))


@pytest.mark.parametrize(
    "image", ["busybox", "docker.io/library/busybox:1", "r.example.com/team/web"]
)
def test_an_image_on_the_list_is_had_by_its_full_name(image: str) -> None:
    check_image(image, LISTED.allows)
    request = a_request(LISTED, image=image)
    assert request["Image"].count("/") >= 2
    check_request(request, LISTED)


@pytest.mark.parametrize(
    "image",
    [
        "evil/busybox",
        "127.0.0.1:7440/x",
        "[::1]:5000/library/busybox",
        "r.example.com.evil.org/team/web",
        "deadbeef",
        "sha256:deadbeef",
    ],
)
def test_no_other_image_is_had_or_even_asked_for(image: str) -> None:
    with pytest.raises(RuntimeFailure, match="does not allow image"):
        check_image(image, LISTED.allows)
    assert refusal(a_request(LISTED, image=image), LISTED).startswith("image ")


def test_a_short_name_could_mean_an_id() -> None:
    request = a_request(LISTED) | {"Image": "busybox"}
    assert refusal(request, LISTED) == "image busybox by a short name"


def test_memory_has_a_limit_where_there_is_a_most() -> None:
    limited = HostPolicy(allows=Policy(memory_most=64 << 20), memory_default=32 << 20)
    request = a_request(limited)
    assert request["HostConfig"]["Memory"] == request["HostConfig"]["MemorySwap"] == 32 << 20
    check_request(request, limited)
    assert refusal(a_request(memory_bytes=65 << 20), limited) == "more than 64 MiB of memory"
    assert refusal(a_request(), limited) == "containers without a limit of their memory"
