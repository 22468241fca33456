"""`cube apply`: make a task be as its file says."""

from __future__ import annotations

from typing import Annotated

import typer

from cube.cli.deploy import DetachOption, TimeoutOption, Waiting, WaitOption, finish, first_failure
from cube.cli.displays import Progress, ProgressOption
from cube.cli.source import document_to_send, tasks_from
from cube.cli.target import ManagerOption, connect
from cube.client.manager import ManagerClient
from cube.errors import NotFound
from cube.model.spec import TaskSpec

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def apply(
    what: Annotated[
        str, typer.Argument(metavar="[FILE|-]", help="A task file, or - for stdin.")
    ] = "",
    file: Annotated[str, typer.Option("-f", "--file", metavar="FILE", help="A task file.")] = "",
    manager: ManagerOption = "",
    detach: DetachOption = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print the id only.")] = False,
    progress: ProgressOption = Progress.AUTO,
    wait: WaitOption = False,
    timeout: TimeoutOption = "",
) -> int:
    """Make a task be as its file says: create or change it."""
    waiting = Waiting.of(
        detach=detach, quiet=quiet, progress=progress, wait_for_room=wait, timeout=timeout
    )
    tasks = tasks_from("", file or what, {})
    with connect(manager) as client:
        replaced = [_to_be_replaced(client, task.spec) for task in tasks]
        applied = [client.apply(task.spec.name, document_to_send(task)) for task in tasks]
        return first_failure(
            finish(client, task, waiting, replaced=old)
            for task, old in zip(applied, replaced, strict=True)
        )


def _to_be_replaced(client: ManagerClient, spec: TaskSpec) -> frozenset[str]:
    """The allocations that have to give way to the new spec: all, if containers change."""
    try:
        before = client.task(spec.name)
    except NotFound:
        return frozenset()
    if before.spec.template == spec.template:
        return frozenset()
    return frozenset(a.id for a in before.allocations)
