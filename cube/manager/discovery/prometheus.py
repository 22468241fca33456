"""The targets of Prometheus' HTTP service discovery, from tasks labelled `prometheus.io/scrape: "true"`.

`prometheus.io/port`, `/path` and `/scheme` say where, as people write them on pods. All that is known of a target goes
along as `__meta_cube_…`, which Prometheus drops unless a relabelling keeps it.
"""

from __future__ import annotations

import re

import msgspec

from cube.core.discovery import Endpoint, Served

ENABLE = "prometheus.io/scrape"
PORT, PATH, SCHEME = "prometheus.io/port", "prometheus.io/path", "prometheus.io/scheme"
SCHEMES = ("http", "https")


class TargetGroup(msgspec.Struct, frozen=True):
    """One target with its labels, as Prometheus reads it."""

    targets: tuple[str, ...]
    labels: dict[str, str]


def target_groups(tasks: list[Served]) -> list[TargetGroup]:
    """Return a group for each replica that is ready."""
    return [
        TargetGroup((endpoint.authority,), _labels(one, endpoint))
        for one in tasks
        for endpoint in one.on(port_of(one.task.spec.labels.get(PORT, "")))
    ]


def port_of(text: str) -> int | None:
    """Return the container port that a label names; None for the first one."""
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 65536 else None


def _labels(one: Served, endpoint: Endpoint) -> dict[str, str]:
    given = one.task.spec.labels
    scheme = given.get(SCHEME, "http")
    labels = {
        "__metrics_path__": given.get(PATH) or "/metrics",
        "__scheme__": scheme if scheme in SCHEMES else "http",
        "__meta_cube_task": one.task.name,
        "__meta_cube_task_id": one.task.id,
        "__meta_cube_slot": str(endpoint.slot),
        "__meta_cube_node": endpoint.node,
        "__meta_cube_image": one.task.spec.image,
        "__meta_cube_container_port": str(endpoint.container_port),
    }
    labels |= {f"__meta_cube_label_{_name(key)}": value for key, value in given.items()}
    labels |= {
        f"__meta_cube_node_label_{_name(key)}": value for key, value in endpoint.node_labels.items()
    }
    return dict(sorted(labels.items()))


def _name(key: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", key)
