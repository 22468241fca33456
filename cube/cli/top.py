"""`cube top`: what runs where and what it uses, live; logs, a shell and the whole story by one key."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cube.cli.exits import Exit
from cube.cli.output import note, on_terminal
from cube.cli.target import ManagerOption, connect
from cube.client.manager import ManagerClient
from cube.errors import CubeError

if TYPE_CHECKING:
    from cube.cli.top_rows import Look

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def top(
    manager: ManagerOption = "",
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", min=0.5, max=60.0, help="Between looks.")
    ] = 2.0,
) -> int:
    """Show live what runs and what it uses.

    Keys: / filters by what is typed, s sorts by the next column, Tab goes to the nodes, l follows the logs, e opens a
    shell, d shows all of the selected one, q leaves.
    """
    if not (on_terminal(sys.stdin) and on_terminal(sys.stdout)):
        raise CubeError(
            "top draws on a terminal, and this is none", hint="`cube status` writes to a pipe"
        )
    from cube.cli.top_screen import TopScreen  # a quarter of a second that only this command pays

    with connect(manager) as client:
        client.version()  # nobody there: said before the screen is taken

        def run(command: Sequence[str]) -> None:
            # Behind the verb: after the name of a task, everything belongs to what `exec` runs.
            run_cube([command[0], "-m", str(client.address), *command[1:]])

        TopScreen(lambda: look_at(client), run, every=every).run()
    return Exit.DONE


def look_at(client: ManagerClient) -> Look:
    """Ask for all that is shown."""
    from cube.cli.top_rows import Look

    tasks, nodes, usage = client.tasks(), client.nodes(), client.usage()
    return Look(datetime.now(UTC), tasks, nodes, usage, str(client.address))


def run_cube(command: Sequence[str]) -> None:
    """Run a cube command on this terminal until it ends; Ctrl-C ends it and not us."""
    # A handler and not SIG_IGN: a child inherits what is ignored, but not what is handled.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = subprocess.run([sys.executable, "-m", "cube", *command], check=False).returncode
        if code not in (Exit.DONE, Exit.INTERRUPTED):
            note("press Enter to go back")
            sys.stdin.readline()
    finally:
        signal.signal(signal.SIGINT, before)
