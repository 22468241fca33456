"""`cube stop`: stop tasks and wait until their containers are gone."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cube.cli.amounts import duration_option
from cube.cli.exits import Exit
from cube.cli.follow import Removal
from cube.cli.output import lines, note
from cube.cli.target import ManagerOption, connect
from cube.cli.watch import display_for, watch
from cube.client.manager import ManagerClient
from cube.errors import CubeError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def stop(
    refs: Annotated[list[str], typer.Argument(metavar="TASK...", help="Names or ids.")],
    manager: ManagerOption = "",
    detach: Annotated[bool, typer.Option("-d", "--detach", help="Do not wait.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="Wait at most that long: 90s, 5m.")
    ] = "",
) -> int:
    """Stop tasks and remove their containers."""
    seconds = duration_option("--timeout", timeout)
    worst: int = Exit.DONE
    with connect(manager) as client:
        for ref in refs:
            # One unknown name does not keep the others running.
            try:
                code = _stop(client, ref, detach, quiet, seconds)
            except CubeError as err:
                if len(refs) == 1:
                    raise
                note(f"cube: {ref}: {err.message}")
                code = err.exit_code
            worst = worst or code
    return worst


def _stop(client: ManagerClient, ref: str, detach: bool, quiet: bool, timeout: float | None) -> int:
    task = client.stop(ref)
    if task is None or detach:
        lines([ref])
        return Exit.DONE
    verdict, _ = watch(
        client, task.id, Removal(time.monotonic(), timeout=timeout), display_for(quiet)
    )
    if verdict.exit is Exit.DONE:
        lines([ref])
    else:
        note(f"cube: {verdict.message}")
    return verdict.exit
