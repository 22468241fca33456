"""Each filter: whom it lets pass, and what it says of whom it does not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from cube.core.scheduler.demand import Home
from cube.core.scheduler.filters import FILTERS, NodeRefusal, concerning, refuse
from cube.core.scheduler.place import why_not
from cube.model.node import Availability, Condition
from cube.model.policy import MountRight, Policy
from cube.model.resources import NOTHING, Resources
from cube.model.spec import Device, Mount, Network, Port, Protocol
from tests.builders import GIB, MIB, Stock, a_demand, a_node, a_stock, a_task, an_inventory, node_id

ROOMY = Resources(cpu_millis=2_000, memory_bytes=2 * GIB, disk_bytes=10 * GIB)


def verdict(stock: Stock, **asked: Any) -> tuple[str, str] | None:
    refusal = refuse(an_inventory(stock), 0, a_demand(**asked))
    return (refusal.code, refusal.message) if refusal else None


def test_a_ready_node_takes_a_task_that_asks_for_nothing() -> None:
    assert verdict(a_stock()) is None


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"condition": Condition.LOST}, "lost", "is lost"),
        ({"condition": Condition.SUSPECT}, "suspect", "is suspect"),
        ({"availability": Availability.CORDONED}, "cordoned", "is cordoned"),
        ({"availability": Availability.DRAINING}, "draining", "is draining"),
        ({"quarantine": "two of them"}, "quarantined", "two of them"),
        ({"runtime_error": "docker does not answer"}, "runtime_down", "docker does not answer"),
    ],
)
def test_a_node_that_is_not_ready_says_why(fields: dict[str, Any], code: str, message: str) -> None:
    assert verdict(a_stock(**fields)) == (code, message)


def test_a_constraint_that_does_not_hold_shows_what_the_node_has() -> None:
    stock = a_stock(labels={"zone": "eu-2"})

    assert verdict(stock, constraints=("zone==eu-2", "node.name==w1")) is None
    assert verdict(stock, constraints=("zone!=eu-1", "zone==eu-1")) == (
        "constraints",
        "zone is eu-2 but zone==eu-1 is asked for",
    )
    assert verdict(stock, constraints=("disk==ssd",)) == (
        "constraints",
        "disk is not set but disk==ssd is asked for",
    )


def test_a_node_of_another_platform_says_what_it_is() -> None:
    arm = a_stock(platform="linux/arm64")
    assert verdict(arm) is None
    assert verdict(arm, platform="linux/arm64") is None
    assert verdict(arm, platform="linux/amd64") == ("platform", "is linux/arm64, not linux/amd64")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"privileged": True}, "privileged"),
        ({"network": Network.HOST}, "network: host"),
        ({"devices": (Device("/dev/fuse"),)}, "device /dev/fuse"),
        ({"cap_add": ("NET_ADMIN",)}, "capability NET_ADMIN"),
        ({"mounts": (Mount("data", "/data"),)}, "mount data"),
        ({"pids_limit": -1}, "more than 32768 processes"),
    ],
)
def test_a_node_says_what_its_policy_does_not_allow(asked: dict[str, Any], words: str) -> None:
    told = ("policy", f"the policy of w1 does not allow {words}")
    assert verdict(a_stock("w1"), **asked) == told


@pytest.mark.parametrize(
    ("allows", "asked", "words"),
    [
        (Policy(devices=("/dev/fuse",)), {"devices": (Device("/dev/kvm"),)}, "/dev/fuse"),
        (Policy(mounts=(MountRight("logs"),)), {"mounts": (Mount("data", "/data"),)}, "logs"),
        (Policy(images=("r.example/*",)), {"image": "busybox"}, "r.example/*"),
        (
            Policy(capabilities=("NET_RAW", "SYSLOG", "SYS_TIME", "MKNOD", "IPC_LOCK", "BPF")),
            {"cap_add": ("NET_ADMIN",)},
            "NET_RAW, SYSLOG, SYS_TIME, MKNOD, IPC_LOCK, …",
        ),
    ],
)
def test_a_node_says_what_its_policy_would_allow_instead(
    allows: Policy, asked: dict[str, Any], words: str
) -> None:
    found = verdict(a_stock("w1", policy=allows), **asked)
    assert found is not None
    assert found[1].endswith(f"; it allows {words}")


def test_a_node_takes_what_its_policy_allows() -> None:
    allows = Policy(privileged=True, mounts=(MountRight("data", read_only=True),))
    stock = a_stock("w1", policy=allows)
    assert verdict(stock, privileged=True) is None
    assert verdict(stock, mounts=(Mount("data", "/data", read_only=True),)) is None
    assert verdict(stock, mounts=(Mount("data", "/data"),)) == (
        "policy",
        "the policy of w1 does not allow mount data other than read_only",
    )


def test_among_nodes_of_several_policies_those_pass_that_allow_it() -> None:
    inventory = an_inventory(
        a_stock("w1"),
        a_stock("w2", policy=Policy(privileged=True)),
        a_stock("w3", policy=Policy(host_network=True)),
    )

    assert why_not(a_demand(privileged=True), inventory) is None
    assert refuse(inventory, 0, a_demand(privileged=True)) is not None
    refused = why_not(a_demand(privileged=True, network=Network.HOST), inventory)
    assert refused is not None
    assert refused.sentence() == (
        "no node fits: 2 do not allow privileged (w1, w3), 1 does not allow network: host (w2)"
    )


def test_policies_that_are_nobodys_any_more_are_not_kept_for_ever() -> None:
    inventory = an_inventory(a_stock("w1"))
    for number in range(200):
        inventory.put(a_node("w1", policy=Policy(pids_most=number + 1)))
        assert len(inventory.policies[1]) <= 65
    assert [one.pids_most for one in inventory.policies[1]][-1] == 200


def test_max_per_node_counts_replicas_of_this_task_only() -> None:
    stock = a_stock(held=[a_task(name="web"), a_task(name="web"), a_task(name="db")])

    assert verdict(stock, name="web", max_per_node=3) is None
    assert verdict(stock, name="db", max_per_node=2) is None
    assert verdict(stock, name="web", max_per_node=0) is None
    assert verdict(stock, name="web", max_per_node=2) == (
        "max_per_node",
        "has 2 already, max_per_node 2",
    )


def test_an_avoided_node_gives_the_reason_it_is_avoided_for() -> None:
    avoid = {node_id("w1"): "port 8080 busy on w1"}

    assert verdict(a_stock("w1"), avoid=avoid) == ("avoided", "port 8080 busy on w1")
    assert verdict(a_stock("w2"), avoid=avoid) is None


def test_a_host_port_is_taken_per_protocol() -> None:
    dns = a_task(name="dns", ports=(Port(53, host_port=53, protocol=Protocol.UDP),))
    stock = a_stock(held=[dns])

    assert verdict(stock, ports=(Port(53, host_port=53),)) is None
    assert verdict(stock, ports=(Port(53, host_port=53, protocol=Protocol.UDP),)) == (
        "host_ports",
        "port 53/udp taken",
    )


def test_every_taken_port_is_named() -> None:
    ports = (Port(80, host_port=80), Port(443, host_port=443), Port(9000, host_port=9000))
    stock = a_stock(held=[a_task(name="proxy", ports=ports[:2])])

    assert verdict(stock, name="web", ports=ports) == (
        "host_ports",
        "ports 80/tcp and 443/tcp taken",
    )


def test_a_port_the_engine_chooses_is_never_taken() -> None:
    stock = a_stock(held=[a_task(name="a", ports=(Port(80),))])
    assert verdict(stock, name="b", ports=(Port(80),)) is None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"cpu_millis": 2_000, "memory_bytes": 2 * GIB, "disk_bytes": 10 * GIB}, None),
        ({"cpu_millis": 2_500}, "0.5 cores short"),
        ({"memory_bytes": 2 * GIB + 212 * MIB}, "212 MiB memory short"),
        ({"disk_bytes": 11 * GIB}, "1 GiB disk short"),
        (
            {"cpu_millis": 3_000, "memory_bytes": 3 * GIB},
            "1 core and 1 GiB memory short",
        ),
    ],
)
def test_what_does_not_fit_says_how_much_is_missing(
    asked: dict[str, int], message: str | None
) -> None:
    expected = message and ("resources", message)
    assert verdict(a_stock(capacity=ROOMY), **asked) == expected


def test_what_is_reserved_counts_against_the_capacity() -> None:
    stock = a_stock(held=[a_task(name="db", memory_bytes=GIB)], capacity=ROOMY)

    assert verdict(stock, name="web", memory_bytes=GIB) is None
    assert verdict(stock, name="web", memory_bytes=GIB + 1) == (
        "resources",
        "1 B memory short",
    )


def test_nothing_asked_fits_where_less_than_nothing_is_left() -> None:
    overfull = a_stock(held=[a_task(name="db", memory_bytes=3 * GIB)], capacity=ROOMY)

    assert verdict(overfull, name="web") is None
    assert verdict(overfull, name="web", cpu_millis=100) is None


def test_a_node_without_figures_takes_only_what_asks_for_nothing() -> None:
    unknown = a_stock(capacity=NOTHING)

    assert verdict(unknown) is None
    assert verdict(unknown, disk_bytes=MIB) == ("resources", "1 MiB disk short")


def test_a_refusal_is_complete_for_programs() -> None:
    refusal = refuse(an_inventory(a_stock(capacity=ROOMY)), 0, a_demand(memory_bytes=3 * GIB))
    assert refusal == NodeRefusal(
        node_id=node_id("w1"),
        node_name="w1",
        code="resources",
        message="1 GiB memory short",
        about="memory",
        short=Resources(memory_bytes=GIB),
    )


def test_the_first_refusal_stands() -> None:
    stock = a_stock(condition=Condition.LOST, capacity=NOTHING)
    assert verdict(stock, memory_bytes=GIB, constraints=("zone==eu-1",)) == ("lost", "is lost")


def test_a_task_that_asks_for_nothing_concerns_readiness_and_policy_alone() -> None:
    names = [type(one).__name__ for one in concerning(a_demand())]
    assert names == ["Ready", "Allowed"]


def test_a_task_that_asks_for_everything_concerns_every_filter_in_order() -> None:
    everything = a_demand(
        avoid={node_id("w1"): "it failed there"},
        constraints=("zone==eu-1",),
        max_per_node=1,
        ports=(Port(80, host_port=80),),
        disk_bytes=1,
        extras_millis={"gpu": 500},
        platform="linux/amd64",
    )
    pinned = replace(everything, home=Home(node_id("w1"), "w1", ("data",)))
    assert concerning(pinned) == list(FILTERS)
