"""Opening what a fault has left, and comparing everything in it with what was written."""

from __future__ import annotations

from pathlib import Path

from cube.core.effects import Snapshot
from cube.errors import CubeError, LedgerBroken
from cube.store.ledger import Ledger
from tests.faults import course
from tests.store.ledger_builders import NOW

CLUSTER = "cluster-1"


async def audit(directory: Path, *, acknowledged: int) -> str:
    """Return what is wrong with a ledger that has acknowledged so many commits, empty when nothing is.

    It must open, hold everything acknowledged and at most the one commit behind that, whole or not at all.
    """
    try:
        return await look(directory, at_least=acknowledged, at_most=acknowledged + 1)
    except CubeError as error:
        return f"refused after {acknowledged} commits: {error.message}"


async def look(directory: Path, *, at_least: int, at_most: int) -> str:
    """Return how the ledger differs from its course, empty when it does not. CubeError when it is refused."""
    ledger = await Ledger.open(directory, mint_cluster_id=lambda: CLUSTER, now_ms=NOW)
    try:
        return await _compare(ledger, at_least, at_most)
    finally:
        await ledger.close()


async def refused_or_right(directory: Path, *, commits: int) -> tuple[bool, str]:
    """Return whether a damaged ledger is refused or refuses a part, and what is wrong, empty when nothing is.

    Right is one that serves exactly what was written, or says that it cannot and names what to do.
    """
    try:
        return False, await look(directory, at_least=commits, at_most=commits)
    except LedgerBroken as refusal:
        return True, "" if refusal.hint else f"refused without a hint: {refusal.message}"
    except CubeError as error:
        return True, f"refused as {type(error).__name__}: {error.message}"


async def _compare(ledger: Ledger, at_least: int, at_most: int) -> str:
    snapshot = await ledger.load()
    held = snapshot.revision
    if not at_least <= held <= at_most:
        return f"holds {held} commits of {at_least} acknowledged"
    if wrong := _wrong_state(snapshot):
        return wrong
    if await ledger.events(limit=1_000_000) != list(course.events_after(held)):
        return f"has other events than its {held} commits"
    for task in course.tasks_after(held).values():
        wanted = [event for event in course.events_after(held) if event.task_id == task.id]
        if await ledger.events(limit=1_000_000, task_id=task.id) != wanted:
            return f"has other events of {task.name} than its {held} commits"
    for request in course.requests_after(held):
        if await ledger.request(request.key) != request:
            return f"does not know the request {request.key} of its {held} commits"
    if await ledger.request(course.absent_key(held)) is not None:
        return f"knows a request beyond its {held} commits"
    return ""


def _wrong_state(snapshot: Snapshot) -> str:
    tasks = {task.id: task for task in snapshot.tasks}
    if tasks != course.tasks_after(snapshot.revision):
        return f"has other tasks than its {snapshot.revision} commits"
    if snapshot.allocations or snapshot.nodes:
        return "holds what was never written"
    return ""
