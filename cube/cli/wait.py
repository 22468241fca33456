"""`cube wait`: block until a task is where a script needs it."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated

import typer

from cube.cli.amounts import duration_option
from cube.cli.exits import Exit
from cube.cli.follow import Completion, Deployment, Follower, Removal
from cube.cli.output import lines, note
from cube.cli.target import ManagerOption, connect
from cube.cli.watch import display_for, watch

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Goal(StrEnum):
    """What can be waited for."""

    RUNNING = "running"  # and healthy, where the task has a health check
    COMPLETED = "completed"
    STOPPED = "stopped"


@app.command()
def wait(
    ref: Annotated[str, typer.Argument(metavar="TASK", help="A task's name or id.")],
    goal: Annotated[Goal, typer.Option("--for", help="What to wait for.")] = Goal.RUNNING,
    manager: ManagerOption = "",
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="At most that long: 90s, 5m.")
    ] = "",
) -> int:
    """Wait until a task is running, completed or stopped."""
    seconds = duration_option("--timeout", timeout)
    now = time.monotonic()
    follower: Follower
    match goal:
        case Goal.RUNNING:
            follower = Deployment(now, wait_for_room=True, timeout=seconds)
        case Goal.COMPLETED:
            follower = Completion(now, timeout=seconds)
        case Goal.STOPPED:
            follower = Removal(now, timeout=seconds, ordered=False)
    with connect(manager) as client:
        verdict, _ = watch(client, client.task(ref).id, follower, display_for(quiet))
    if verdict.exit is Exit.DONE:
        lines([ref])
    else:
        note(f"cube: {verdict.message}")
    return verdict.exit
