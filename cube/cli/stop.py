"""`cube stop`: stop tasks and wait until their containers are gone."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cube.cli.amounts import duration_option
from cube.cli.deploy import first_failure
from cube.cli.displays import Display, Progress, ProgressOption, display_for
from cube.cli.exits import Exit
from cube.cli.follow import Removal
from cube.cli.output import lines, note
from cube.cli.resume import resumable
from cube.cli.target import ManagerOption, connect
from cube.cli.watch import watch_task
from cube.client.manager import ManagerClient
from cube.errors import CubeError
from cube.wire.views import TaskView

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def stop(
    refs: Annotated[list[str], typer.Argument(metavar="TASK...", help="Names or ids.")],
    manager: ManagerOption = "",
    detach: Annotated[bool, typer.Option("-d", "--detach", help="Do not wait.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    progress: ProgressOption = Progress.AUTO,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="Wait at most that long: 90s, 5m.")
    ] = "",
) -> int:
    """Stop tasks and remove their containers."""
    seconds = duration_option("--timeout", timeout)
    with connect(manager) as client:
        # All are told before the first is waited for, and one unknown name does not keep the others running.
        told = [(ref, _told(client, ref)) for ref in refs]
        return first_failure(
            _refused(ref, task, alone=len(refs) == 1)
            if isinstance(task, CubeError)
            else _gone(client, ref, task, detach, display_for(progress, quiet), seconds)
            for ref, task in told
        )


def _told(client: ManagerClient, ref: str) -> TaskView | CubeError | None:
    try:
        return client.stop(ref)
    except CubeError as err:
        return err


def _refused(ref: str, err: CubeError, *, alone: bool) -> int:
    if alone:
        raise err
    note(f"cube: {ref}: {err.message}")
    return err.exit_code


def _gone(
    client: ManagerClient,
    ref: str,
    task: TaskView | None,
    detach: bool,
    display: Display,
    timeout: float | None,
) -> int:
    """Wait until nothing of the task is left; return the exit code."""
    if task is None or detach:
        lines([ref])
        return Exit.DONE
    follower = Removal(time.monotonic(), timeout=timeout)
    words = f"{task.name} goes on stopping: `cube wait {task.name} --for stopped` follows it"
    with resumable(words):
        verdict, _ = watch_task(client, task.id, task.name, follower, display)
    if verdict.exit is Exit.DONE:
        lines([ref])
    else:
        note(f"cube: {verdict.message}")
    return verdict.exit
