"""`cube rollback`: give tasks back the spec they had before the last one, and wait until they run by it."""

from __future__ import annotations

from typing import Annotated

import typer

from cube.cli.deploy import DetachOption, TimeoutOption, Waiting, WaitOption, finish, first_failure
from cube.cli.displays import Progress, ProgressOption
from cube.cli.target import ManagerOption, connect
from cube.client.manager import ManagerClient

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def rollback(
    refs: Annotated[list[str], typer.Argument(metavar="TASK...", help="Names or ids.")],
    manager: ManagerOption = "",
    detach: DetachOption = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    progress: ProgressOption = Progress.AUTO,
    wait: WaitOption = False,
    timeout: TimeoutOption = "",
) -> int:
    """Go back to what a task was before its last change.

    That is its last `cube apply`: the number of replicas stays as it was scaled since. Once more goes forward again.
    """
    waiting = Waiting.of(
        detach=detach, quiet=quiet, progress=progress, wait_for_room=wait, timeout=timeout
    )
    with connect(manager) as client:
        return first_failure(_rollback(client, ref, waiting) for ref in refs)


def _rollback(client: ManagerClient, ref: str, waiting: Waiting) -> int:
    before = client.task(ref)
    after = client.rollback(ref)
    changed = before.spec.template != after.spec.template
    replaced = frozenset(one.id for one in before.allocations) if changed else frozenset()
    return finish(client, after, waiting, replaced=replaced)
