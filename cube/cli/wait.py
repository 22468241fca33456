"""`cube wait`: block until a task is where a script needs it."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated

import typer

from cube.cli.amounts import duration_option
from cube.cli.displays import Progress, ProgressOption, display_for
from cube.cli.exits import Exit
from cube.cli.follow import Completion, Deployment, Follower, Removal
from cube.cli.output import lines, note
from cube.cli.resume import resumable
from cube.cli.target import ManagerOption, connect
from cube.cli.watch import watch_task
from cube.wire.views import TaskView

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Goal(StrEnum):
    """What can be waited for."""

    RUNNING = "running"  # and healthy, where the task has a health check
    HEALTHY = "healthy"  # refused for one that has none
    COMPLETED = "completed"
    STOPPED = "stopped"


@app.command()
def wait(
    ref: Annotated[str, typer.Argument(metavar="TASK", help="A task's name or id.")],
    goal: Annotated[Goal, typer.Option("--for", help="What to wait for.")] = Goal.RUNNING,
    manager: ManagerOption = "",
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    progress: ProgressOption = Progress.AUTO,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="At most that long: 90s, 5m.")
    ] = "",
) -> int:
    """Wait until a task is running, healthy, completed or stopped."""
    follower = _follower(goal, time.monotonic(), duration_option("--timeout", timeout))
    again = f"`cube wait {ref} --for {goal}` waits again"
    with connect(manager) as client:
        task_id, display = client.task(ref).id, display_for(progress, quiet)
        with resumable(f"{ref} goes on: {again}"):
            verdict, _ = watch_task(client, task_id, ref, follower, display)
    if verdict.exit is Exit.DONE:
        lines([ref])
    else:
        note(f"cube: {verdict.message}")
    return verdict.exit


def _follower(goal: Goal, now: float, timeout: float | None) -> Follower[TaskView]:
    match goal:
        case Goal.RUNNING | Goal.HEALTHY:
            healthy = goal is Goal.HEALTHY
            return Deployment(now, wait_for_room=True, healthy=healthy, timeout=timeout)
        case Goal.COMPLETED:
            return Completion(now, timeout=timeout)
        case Goal.STOPPED:
            return Removal(now, timeout=timeout, ordered=False)
