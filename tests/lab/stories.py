"""What happens to a task when a fault strikes, told once for the tests and for the figures."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from cube.model.event import EventKind
from cube.model.timing import DEFAULT_TIMING
from cube.wire.views import AllocationView, EventView, NodeView, TaskView
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.scenarios.processes import SERVE, eventually

REPLACED_SECONDS = 30.0
"""Far above any promise: what takes longer is an error of the lab."""

Seen = TypeVar("Seen")


class Copy(NamedTuple):
    """One container of a slot, wherever it is."""

    host: str
    container: str
    generation: int
    restart: int
    running: bool
    started_at: float  # wall time: one kernel is under all hosts, so it compares

    @property
    def life(self) -> tuple[str, float]:
        """What stays the same as long as nobody restarts or replaces it."""
        return self.container, self.started_at


Copies = dict[int, list[Copy]]


def copies(lab: Lab, task: str) -> Copies:
    """Every container of a task by slot, as the engines tell it; those that do not answer are left out."""
    found: defaultdict[int, list[Copy]] = defaultdict(list)
    for host in lab.hosts.values():
        for seen in host.containers():
            labels = seen["Config"]["Labels"]
            if labels["cube.task.name"] == task:
                found[int(labels["cube.slot"])].append(_copy(host, seen))
    return dict(found)


def _copy(host: Host, seen: dict[str, Any]) -> Copy:
    labels = seen["Config"]["Labels"]
    return Copy(
        host=host.name,
        container=seen["Id"],
        generation=int(labels["cube.generation"]),
        restart=int(labels["cube.restart"]),
        running=bool(seen["State"]["Running"]),
        started_at=seconds_of(seen["State"]["StartedAt"]),
    )


def seconds_of(text: str) -> float:
    """Return an engine's time (RFC 3339 with nanoseconds, UTC) as wall time."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


def serve(lab: Lab, name: str, replicas: int = 3, **more: Any) -> str:
    """Submit a task and return its name once all of it runs."""
    lab.client.submit(
        {"name": name, "image": "busybox:latest", "command": list(SERVE), "replicas": replicas}
        | more
    )
    eventually(lambda: lab.client.task(name), lambda task: len(running(task)) == replicas, 30)
    return name


def running(task: TaskView) -> dict[int, AllocationView]:
    """The allocation of each slot that runs, as the manager knows it."""
    return {one.slot: one for one in task.allocations if one.phase == "running"}


def victim(lab: Lab, task: str) -> Host:
    """A host that runs a copy of the task, and may be lost now."""
    without_brake(lab)
    return lab.host(running(lab.client.task(task))[1].node)


def without_brake(lab: Lab) -> None:
    """Wait until one more lost node is none too many: cube takes many at once for a fault of its own network."""

    def lost_of_late(seen: list[EventView]) -> int:
        since = time.time() - DEFAULT_TIMING.brake_window
        return sum(one.kind is EventKind.NODE_LOST and one.at.timestamp() > since for one in seen)

    # The next one is lost no sooner than a lease from now; that is left as a reserve.
    eventually(
        lambda: lab.client.events(limit=200),
        lambda seen: lost_of_late(seen) < DEFAULT_TIMING.brake_least - 1,
        DEFAULT_TIMING.brake_window + 5,
    )


def node(lab: Lab, host: Host) -> NodeView:
    """What the manager thinks of a host."""
    return lab.client.node(host.name)


def replaced(lab: Lab, task: str, host: Host) -> float:
    """Wait until every slot runs away from a host; return the wall time at which the last replacement ran."""
    replicas = lab.client.task(task).replicas

    def elsewhere(seen: TaskView) -> bool:
        places = {one.node for one in running(seen).values()}
        return len(running(seen)) == replicas and host.name not in places

    seen = eventually(lambda: lab.client.task(task), elsewhere, REPLACED_SECONDS)
    wanted = {one.container_id for one in seen.allocations}
    return max(
        copy.started_at
        for slot in copies(lab, task).values()
        for copy in slot
        if copy.container in wanted
    )


def single(lab: Lab, task: str, seconds: float) -> float:
    """Wait until each slot runs once, and nothing is left of its other generations; return how long it took."""
    began = time.monotonic()
    replicas = lab.client.task(task).replicas

    def alone(slots: Copies) -> bool:
        return len(slots) == replicas and all(
            sum(copy.running for copy in slot) == len({copy.generation for copy in slot}) == 1
            for slot in slots.values()
        )

    eventually(lambda: copies(lab, task), alone, seconds)
    return time.monotonic() - began


def throughout(
    seconds: float, look: Callable[[], Seen], wanted: Callable[[Seen], bool], every: float = 0.2
) -> None:
    """Look again and again for that long. AssertionError with what was seen once it is not as wanted."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen = look()
        assert wanted(seen), f"not so {end - time.monotonic():.1f} s before the end: {seen}"
        time.sleep(every)


def remove_all(lab: Lab) -> None:
    """Stop every task and wait until no engine has a container of one."""
    for task in lab.client.tasks():
        lab.client.stop(task.id)
    eventually(
        lambda: [seen["Name"] for host in lab.hosts.values() for seen in host.containers()],
        lambda left: not left,
        30,
    )
