"""What a look at the engine changes in what is known of an allocation.

A look may be older than what a step has brought about meanwhile: such a look can add what only time can have
done (a container ended, or was started again) but can neither take containers away nor bring back removed ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from cube.core.health import presumed
from cube.core.restart import Over
from cube.core.worker.workload import Workload, newer, runs
from cube.model.container import ContainerSeen, ContainerState
from cube.model.orders import Order, Run
from cube.model.timing import Instant, Timing


def adopt(containers: list[ContainerSeen], now: Instant, timing: Timing) -> Workload:
    """Return the workload of containers found by their labels. Running ones go on as if nothing had happened."""
    containers.sort(key=lambda seen: (seen.label.restart, seen.started_ms))
    *older, current = containers
    workload = Workload(
        id=current.label.allocation_id,
        spec=current.label.spec,
        revision=current.label.revision,
        devices=current.label.devices,
        restart=current.label.restart,
        current=current,
        older=older,
        unstarted=current.state is ContainerState.CREATED,
    )
    workload.failures = sum(_was_short(seen, timing) for seen in older)
    if runs(current):
        age = max(0, now.wall_ms - current.started_ms) / 1000
        workload.notice_running(now.monotonic, since=now.monotonic - age)
        if current.label.spec.health is not None:
            workload.vitals = presumed(current.label.spec.health, round(age * 1000))
    return workload


def unseen(order: Order) -> Workload:
    """Return the workload of an order of which nothing is here: runs on record were missed."""
    workload = Workload(id=order.id)
    if isinstance(order, Run) and order.first_restart:
        workload.restart = order.first_restart - 1
        workload.missed = True
        workload.over_on_record = order.runs_over >= order.first_restart
    return workload


def _was_short(seen: ContainerSeen, timing: Timing) -> bool:
    lasted_ms = seen.finished_ms - seen.started_ms
    return seen.state is ContainerState.EXITED and lasted_ms < timing.restart_stable * 1000


def look_at(
    workload: Workload,
    containers: Iterable[ContainerSeen],
    began: float,
    now: float,
    *,
    at_all: bool,
) -> bool:
    """Take in what a look shows of the workload; False when the container of its present run is gone.

    `at_all`: the look was at all containers there are, so that none can have escaped it.
    """
    trusted = workload.step is None and began > workload.touched
    present = set()
    for seen in containers:
        present.add(seen.id)
        take_in(workload, seen, now, trusted=trusted)
    if not trusted:
        return True
    workload.touched = began
    workload.unsure = workload.unsure and not at_all
    workload.older = [seen for seen in workload.older if seen.id in present]
    if workload.current is None or workload.current.id in present:
        return True
    workload.current = None
    return False


def take_in(workload: Workload, seen: ContainerSeen, now: float, *, trusted: bool) -> None:
    """Take in one container of the workload."""
    known = _known(workload, seen.id)
    if known is None:
        if trusted:
            include(workload, seen, now)
    elif seen != known and (trusted or newer(seen, known)):
        replace(workload, known, seen, now)


def include(workload: Workload, seen: ContainerSeen, now: float) -> None:
    """Add a container that was not known: that of the present run, of a newer one, or one of an older."""
    workload.removed = workload.missed = False
    # What it was made for; an order says what the task became since.
    workload.spec, workload.revision = seen.label.spec, seen.label.revision
    workload.devices = seen.label.devices
    current = workload.current
    if seen.label.restart < workload.restart or (
        current is not None and seen.label.restart <= current.label.restart
    ):
        workload.older.append(seen)
        return
    if current is not None or seen.label.restart > workload.restart:
        workload.begin_run()
        workload.restart = seen.label.restart
    workload.current = seen
    workload.notice_running(now)


def replace(workload: Workload, known: ContainerSeen, seen: ContainerSeen, now: float) -> None:
    """Put a newer view of a container in the place of the older."""
    if known is not workload.current:
        workload.older = [seen if other is known else other for other in workload.older]
        return
    started_again = runs(seen) and 0 < known.started_ms < seen.started_ms
    workload.current = seen
    if started_again and not isinstance(workload.verdict, Over):
        workload.go_on_as_new_run()
    if workload.verdict is None:
        workload.notice_running(now)


def _known(workload: Workload, container_id: str) -> ContainerSeen | None:
    if workload.current is not None and workload.current.id == container_id:
        return workload.current
    return next((seen for seen in workload.older if seen.id == container_id), None)
