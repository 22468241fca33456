"""Where ready replicas can be reached."""

from __future__ import annotations

from typing import Any

import pytest

from cube.core.cluster import Cluster
from cube.core.discovery import first_port, served, truthful
from cube.core.effects import Snapshot
from cube.model.allocation import Allocation, Health, Phase, PortBinding, Wanted
from cube.model.node import Node
from cube.model.spec import Port, Protocol
from cube.model.task import Goal, Task
from tests.builders import a_node, a_task, an_allocation

LABEL = "proxy"
W1 = a_node("w1", address="10.0.0.1")


def web(**fields: Any) -> Task:
    ports = (Port(53, protocol=Protocol.UDP), Port(8080), Port(9090))
    return a_task(**{"name": "web", "labels": {LABEL: "true"}, "ports": ports} | fields)


def on(node: Node, task: Task, *bindings: PortBinding, **fields: Any) -> Allocation:
    return an_allocation(task, node, **{"ports": bindings} | fields)


def told(*allocations: Allocation, tasks: tuple[Task, ...] = (), node: Node = W1) -> list[str]:
    """What is told, as `task.slot authority container-port`."""
    cluster = Cluster(
        Snapshot(
            cluster_id="c",
            tasks=list(tasks or (web(),)),
            nodes=[node],
            allocations=list(allocations),
        )
    )
    return [
        f"{one.task.name}.{end.slot} {end.authority} {end.container_port}"
        for one in served(cluster, LABEL)
        for end in one.endpoints
    ]


def test_a_ready_replica_is_told_by_its_nodes_address_and_published_port() -> None:
    assert told(on(W1, web(), PortBinding(8080, 32001))) == ["web.1 10.0.0.1:32001 8080"]


@pytest.mark.parametrize(
    "state",
    [
        {"phase": Phase.STARTING},
        {"health": Health.UNHEALTHY},
        {"health": Health.STARTING},
        {"paused": True},
        {"phase": Phase.EXITED},
        {"wanted": Wanted.REMOVE},
        {"lost": True},
    ],
    ids=str,
)
def test_one_that_does_not_do_its_work_is_left_out(state: dict[str, Any]) -> None:
    assert told(on(W1, web(), PortBinding(8080, 32001), **state)) == []


def test_tasks_slots_and_ports_have_an_order_of_their_own() -> None:
    app = web(name="app")
    one = on(W1, web(), PortBinding(9090, 1), PortBinding(8080, 2), slot=2)
    two = on(W1, web(), PortBinding(8080, 3), slot=1)
    three = on(W1, app, PortBinding(8080, 4))
    expected = [
        "app.1 10.0.0.1:4 8080",
        "web.1 10.0.0.1:3 8080",
        "web.2 10.0.0.1:2 8080",
        "web.2 10.0.0.1:1 9090",
    ]

    assert told(one, two, three, tasks=(web(replicas=2), app)) == expected
    assert told(three, two, one, tasks=(app, web(replicas=2))) == expected


@pytest.mark.parametrize(
    ("bound", "address", "host"),
    [
        ("0.0.0.0", "10.0.0.1", "10.0.0.1"),
        ("::", "10.0.0.1", "10.0.0.1"),
        ("", "10.0.0.1", "10.0.0.1"),
        ("192.168.7.7", "10.0.0.1", "192.168.7.7"),
        ("127.0.0.1", "10.0.0.1", None),
        ("::1", "10.0.0.1", None),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "fd00::1", "[fd00::1]"),
        ("0.0.0.0", "", None),
    ],
)
def test_the_host_is_one_that_others_can_dial(bound: str, address: str, host: str | None) -> None:
    node = a_node("w1", address=address)
    found = told(on(node, web(), PortBinding(8080, 32001, host_ip=bound)), node=node)

    assert found == ([] if host is None else [f"web.1 {host}:32001 8080"])


def test_a_port_that_is_bound_for_both_families_is_told_once() -> None:
    both = (PortBinding(8080, 32002, host_ip="::"), PortBinding(8080, 32001))

    assert told(on(W1, web(), *both)) == ["web.1 10.0.0.1:32001 8080"]


def test_only_tasks_that_ask_for_it_and_run_are_told() -> None:
    silent = web(labels={LABEL: "false"})
    stopped = web(goal=Goal.STOP)
    for task in (silent, stopped, web(labels={})):
        assert told(on(W1, task, PortBinding(8080, 1)), tasks=(task,)) == []


def test_udp_is_nothing_to_proxies() -> None:
    bindings = (PortBinding(53, 32001, protocol=Protocol.UDP),)

    assert told(on(W1, web(), *bindings)) == []
    assert first_port(web()) == 8080
    assert first_port(a_task()) is None


@pytest.mark.parametrize("word", ["true", "True", " yes ", "1"])
def test_yes_is_said_in_several_ways(word: str) -> None:
    assert truthful(word)
    assert not truthful(f"not {word}")
