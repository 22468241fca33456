"""`cube restart`: replace a task's containers one after the other, and wait for the new ones."""

from __future__ import annotations

from typing import Annotated

import typer

from cube.cli.deploy import DetachOption, TimeoutOption, Waiting, WaitOption, finish, first_failure
from cube.cli.displays import Progress, ProgressOption
from cube.cli.target import ManagerOption, connect
from cube.client.manager import ManagerClient

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def restart(
    refs: Annotated[list[str], typer.Argument(metavar="TASK...", help="Names or ids.")],
    manager: ManagerOption = "",
    detach: DetachOption = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    progress: ProgressOption = Progress.AUTO,
    wait: WaitOption = False,
    timeout: TimeoutOption = "",
) -> int:
    """Replace a task's containers one after the other."""
    waiting = Waiting.of(
        detach=detach, quiet=quiet, progress=progress, wait_for_room=wait, timeout=timeout
    )
    with connect(manager) as client:
        return first_failure(_restart(client, ref, waiting) for ref in refs)


def _restart(client: ManagerClient, ref: str, waiting: Waiting) -> int:
    before = frozenset(a.id for a in client.task(ref).allocations)
    return finish(client, client.restart(ref), waiting, replaced=before)
