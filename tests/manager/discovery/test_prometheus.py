"""Targets for Prometheus."""

from __future__ import annotations

import pytest

from cube.core.discovery import Endpoint, Served
from cube.manager.discovery.prometheus import port_of, target_groups
from tests.builders import task_id
from tests.manager.discovery.served_tasks import a_served


def test_a_target_brings_all_that_is_known_of_it() -> None:
    (group,) = target_groups([a_served("web", 32001, labels={"prometheus.io/path": "/m"})])

    assert group.targets == ("10.0.0.1:32001",)
    assert group.labels == {
        "__metrics_path__": "/m",
        "__scheme__": "http",
        "__meta_cube_task": "web",
        "__meta_cube_task_id": task_id("web"),
        "__meta_cube_slot": "1",
        "__meta_cube_node": "w1",
        "__meta_cube_image": "busybox:latest",
        "__meta_cube_container_port": "8080",
        "__meta_cube_label_prometheus_io_path": "/m",
        "__meta_cube_node_label_zone": "eu-1",
    }
    assert list(group.labels) == sorted(group.labels)


def test_the_port_may_be_named() -> None:
    metrics = Endpoint(1, "w1", {}, "10.0.0.1", 32009, 9090)
    web = a_served("web", 32001, labels={"prometheus.io/port": "9090"})

    (group,) = target_groups([Served(web.task, (*web.endpoints, metrics))])

    assert group.targets == ("10.0.0.1:32009",)


def test_a_scheme_that_is_none_is_not_passed_on() -> None:
    labels = {"prometheus.io/scheme": "gopher", "prometheus.io/path": ""}
    (group,) = target_groups([a_served("web", 32001, labels=labels)])

    assert (group.labels["__scheme__"], group.labels["__metrics_path__"]) == ("http", "/metrics")


def test_a_task_without_a_ready_replica_has_no_target() -> None:
    assert target_groups([a_served("web")]) == []


@pytest.mark.parametrize(
    ("text", "port"),
    [("80", 80), ("", None), ("0", None), ("65536", None), ("http", None), ("٨", None)],
)
def test_a_port_is_a_number(text: str, port: int | None) -> None:
    assert port_of(text) == port
