"""`cube secret`: what tasks may know and nobody else. A value comes from a file or standard input only."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, QuietOption, lines, note, show_list
from cube.cli.tables import Cell, Table
from cube.cli.target import ManagerOption, connect
from cube.cli.words import age
from cube.errors import InvalidInput, Objection
from cube.model.secret import MAX_SECRET_BYTES
from cube.wire.secret_views import SecretView

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name.")]
NamesArgument = Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of secrets.")]
FileOption = Annotated[
    Path | None,
    typer.Option("-f", "--file", metavar="FILE", help="Its value; - is standard input."),
]

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
    if ctx.args:
        # Everybody on this machine reads arguments, and shells write them down: it is known now.
        words = "is not taken as an argument, which others can read: choose another value"
        hint = f"cube secret set {name} --file FILE, or from standard input"
        raise InvalidInput((Objection("the value", words),), hint=hint)
    data = _read(file)
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


def _read(file: Path | None) -> bytes:
    """Return the value: of a file as it is; of standard input without the line end that `echo` adds."""
    if file is None and sys.stdin.isatty():
        note("type the value, then Enter and Ctrl-D")
    try:
        from_stdin = file is None or str(file) == "-"
        if from_stdin:
            data = sys.stdin.buffer.read(MAX_SECRET_BYTES + 2).removesuffix(b"\n")
        else:
            assert file is not None
            with file.open("rb") as opened:
                data = opened.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise InvalidInput(
            (Objection("--file", f"{file} cannot be read: {error.strerror}"),)
        ) from error
    if not data or len(data) > MAX_SECRET_BYTES:
        words = "is empty" if not data else f"is longer than {MAX_SECRET_BYTES} bytes"
        raise InvalidInput((Objection("the value", words),))
    return data


def _list(manager: str, format: Format, quiet: bool) -> int:
    with connect(manager) as client:
        found = client.secrets()
    if quiet:
        lines(one.name for one in found)
    else:
        show_list(found, format, quiet, lambda _: _table(found))
    return Exit.DONE


def _table(found: list[SecretView]) -> Table:
    now = datetime.now(UTC)
    rows = [
        (one.name, str(one.version), age(one.at, now), ", ".join(one.used_by) or "-")
        for one in found
    ]
    return Table(("NAME", "VERSION", "AGE", "TASKS"), [tuple(map(Cell, row)) for row in rows])
