"""`cube secret`: what tasks may know and nobody else. A value comes from a file or standard input only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, QuietOption, note, show_list
from cube.cli.private import FileOption, read_private, refuse_arguments
from cube.cli.tables import Cell, Table
from cube.cli.target import ManagerOption, connect
from cube.cli.words import age
from cube.model.secret import MAX_SECRET_BYTES
from cube.wire.secret_views import SecretView

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name.")]
NamesArgument = Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of secrets.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def secret(
    ctx: typer.Context,
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> int:
    """List secrets; set or remove one. No command shows a value."""
    ctx.obj = manager
    return _list(manager, format, quiet) if ctx.invoked_subcommand is None else Exit.DONE


@app.command("set", context_settings={"allow_extra_args": True})
def set_value(
    ctx: typer.Context,
    name: NameArgument,
    file: FileOption = None,
    manager: ManagerOption = "",
) -> int:
    """Keep a value under a name: `cube secret set db-password --file password.txt`, or from standard input.

    A value that was there stays with the containers that have it, until they are replaced: cube restart TASK.
    """
    refuse_arguments(ctx, f"cube secret set {name} --file FILE")
    data = read_private(file, most=MAX_SECRET_BYTES)
    with connect(manager or ctx.obj) as client:
        kept = client.set_secret(name, data)
    note(f"{kept.name} is set, version {kept.version}")
    if kept.version > 1 and kept.used_by:
        note(f"containers that run keep what they have; cube restart {' '.join(kept.used_by)}")
    return Exit.DONE


@app.command("ls")
def ls(
    ctx: typer.Context,
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> int:
    """List the secrets by name, and the tasks that name them."""
    return _list(manager or ctx.obj, format, quiet)


@app.command("rm")
def rm(ctx: typer.Context, names: NamesArgument, manager: ManagerOption = "") -> int:
    """Forget secrets. One that a task names is kept."""
    with connect(manager or ctx.obj) as client:
        for name in names:
            client.remove_secret(name)
            note(f"{name} is forgotten")
    return Exit.DONE


def _list(manager: str, format: Format, quiet: bool) -> int:
    with connect(manager) as client:
        found = client.secrets()
    show_list(found, format, quiet, lambda _: _table(found), called="name")
    return Exit.DONE


def _table(found: list[SecretView]) -> Table:
    now = datetime.now(UTC)
    rows = [
        (one.name, str(one.version), age(one.at, now), ", ".join(one.used_by) or "-")
        for one in found
    ]
    return Table(("NAME", "VERSION", "AGE", "TASKS"), [tuple(map(Cell, row)) for row in rows])
