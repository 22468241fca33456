"""The request for a container: what a task says, and nothing else."""

from __future__ import annotations

from msgspec.structs import replace

from cube.model.container import RunLabel
from cube.model.extras import Share
from cube.model.ids import NodeId, TaskId, allocation_id
from cube.model.policy import HostPolicy
from cube.model.spec import Device, Mount, Port, Protocol, TaskSpec, Tmpfs, Ulimit, Volume
from cube.runtime.labels import encode_label
from cube.runtime.request import create_body

LABEL = RunLabel(
    cluster_id="c1",
    node_id=NodeId("w1"),
    allocation_id=allocation_id(TaskId("t"), 2, 5),
    restart=0,
    spec=TaskSpec(name="web", image="nginx:1.27"),
)
FULL = TaskSpec(
    name="web",
    image="nginx:1.27",
    command=("serve", "--now"),
    entrypoint=("/entry",),
    env={"A": "1", "CUBE_SLOT": "mine"},
    workdir="/srv",
    user="www",
    cpu_millis=250,
    memory_bytes=64 << 20,
    pids_limit=100,
    ulimits=(Ulimit("nofile", 1024, 2048),),
    cap_add=("NET_ADMIN",),
    cap_drop=("ALL",),
    read_only=True,
    ports=(
        Port(80, 8080, host_ip="127.0.0.1"),
        Port(80, 8081),
        Port(53, protocol=Protocol.UDP),
    ),
    volumes=(Volume("data", "/data"), Volume("conf", "/conf", read_only=True)),
    tmpfs=(Tmpfs("/run", 1 << 20), Tmpfs("/tmp")),
    privileged=True,
    devices=(Device("/dev/fuse", permissions="rw"),),
    mounts=(Mount("logs", "/logs", read_only=True),),
    stop_signal="SIGQUIT",
)


def test_a_plain_task_asks_for_nothing_it_did_not_say() -> None:
    assert create_body(LABEL) == {
        "Image": "nginx:1.27",
        "Hostname": "web-2",
        "Env": ["CUBE_TASK=web", "CUBE_SLOT=2", "CUBE_NODE=w1", "CUBE_FENCE=5"],
        "Labels": encode_label(LABEL),
        "HostConfig": {
            "RestartPolicy": {"Name": "no"},
            "NetworkMode": "bridge",
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10485760", "max-file": "3"}},
            "ReadonlyRootfs": False,
            "CapDrop": ["MKNOD", "NET_RAW"],
            "SecurityOpt": ["no-new-privileges"],
            "PidsLimit": 4096,
        },
    }


def test_a_container_is_told_which_devices_are_its_own() -> None:
    held = replace(LABEL, devices=(Share("gpu", 0, 1000), Share("gpu", 3, 1000)))
    assert "CUBE_EXTRA_GPU=0,3" in create_body(held)["Env"]


def test_every_wish_has_its_field() -> None:
    body = create_body(replace(LABEL, spec=FULL), HostPolicy(sources={"logs": "/srv/logs"}))

    del body["Labels"]
    assert body == {
        "Image": "nginx:1.27",
        "Hostname": "web-2",
        "Env": ["CUBE_TASK=web", "CUBE_SLOT=mine", "CUBE_NODE=w1", "CUBE_FENCE=5", "A=1"],
        "Cmd": ["serve", "--now"],
        "Entrypoint": ["/entry"],
        "WorkingDir": "/srv",
        "User": "www",
        "StopSignal": "SIGQUIT",
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "HostConfig": {
            "RestartPolicy": {"Name": "no"},
            "NetworkMode": "bridge",
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10485760", "max-file": "3"}},
            "ReadonlyRootfs": True,
            "NanoCpus": 250_000_000,
            "Memory": 64 << 20,
            "MemorySwap": 64 << 20,
            "PidsLimit": 100,
            "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 2048}],
            "CapAdd": ["NET_ADMIN"],
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Privileged": True,
            "Devices": [
                {
                    "PathOnHost": "/dev/fuse",
                    "PathInContainer": "/dev/fuse",
                    "CgroupPermissions": "rw",
                }
            ],
            "Tmpfs": {"/run": "size=1048576", "/tmp": ""},
            "Mounts": [
                {"Type": "volume", "Source": "data", "Target": "/data", "ReadOnly": False},
                {"Type": "volume", "Source": "conf", "Target": "/conf", "ReadOnly": True},
                {"Type": "bind", "Source": "/srv/logs", "Target": "/logs", "ReadOnly": True},
            ],
            "PortBindings": {
                "80/tcp": [
                    {"HostIp": "127.0.0.1", "HostPort": "8080"},
                    {"HostIp": "0.0.0.0", "HostPort": "8081"},
                ],
                "53/udp": [{"HostIp": "0.0.0.0", "HostPort": ""}],
            },
        },
    }
