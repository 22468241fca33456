"""`cube scale web=5`: change how many run, and wait until they do."""

from __future__ import annotations

from typing import Annotated

import typer

from cube.cli.amounts import pairs_option
from cube.cli.deploy import (
    DetachOption,
    TimeoutOption,
    Waiting,
    WaitOption,
    finish,
    first_failure,
)
from cube.cli.displays import Progress, ProgressOption
from cube.cli.target import ManagerOption, connect
from cube.errors import InvalidInput, Objection

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def scale(
    counts: Annotated[list[str], typer.Argument(metavar="TASK=N...", help="Such as web=5.")],
    manager: ManagerOption = "",
    detach: DetachOption = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    progress: ProgressOption = Progress.AUTO,
    wait: WaitOption = False,
    timeout: TimeoutOption = "",
) -> int:
    """Change how many of a task run."""
    wanted = parse_counts(counts)
    waiting = Waiting.of(
        detach=detach, quiet=quiet, progress=progress, wait_for_room=wait, timeout=timeout
    )
    with connect(manager) as client:
        scaled = [client.scale(ref, replicas) for ref, replicas in wanted.items()]
        return first_failure(finish(client, task, waiting) for task in scaled)


def parse_counts(texts: list[str]) -> dict[str, int]:
    """Read `web=5`. InvalidInput names each that does not read."""
    wanted = pairs_option("TASK=N", texts)
    wrong = tuple(
        Objection(ref, f"{count!r} is no number of replicas")
        for ref, count in wanted.items()
        if not (count.isascii() and count.isdigit())
    )
    if wrong:
        raise InvalidInput(wrong)
    return {ref: int(count) for ref, count in wanted.items()}
