"""Tasks with endpoints, as the renderers are given them."""

from __future__ import annotations

from cube.core.discovery import Endpoint, Served
from cube.model.spec import Port
from tests.builders import a_task


def a_served(name: str = "web", *ports: int, labels: dict[str, str] | None = None) -> Served:
    """A task that publishes 8080 and 9090, with a ready replica for each host port given, all for 8080."""
    task = a_task(name=name, ports=(Port(8080), Port(9090)), labels=labels or {})
    endpoints = [
        Endpoint(slot, f"w{slot}", {"zone": "eu-1"}, f"10.0.0.{slot}", port, 8080)
        for slot, port in enumerate(ports, 1)
    ]
    return Served(task, tuple(endpoints))
