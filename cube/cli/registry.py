"""`cube registry`: who the cluster is to registries. A password comes from a file or standard input only."""

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
from cube.errors import InvalidInput, Objection
from cube.model.account import MAX_PASSWORD_BYTES
from cube.wire.account_views import AccountView

RegistryArgument = Annotated[
    str, typer.Argument(metavar="REGISTRY", help="Its host as in images: registry.example.com:5000")
]
RegistriesArgument = Annotated[
    list[str], typer.Argument(metavar="REGISTRY...", help="Registries to be nobody at.")
]
UsernameOption = Annotated[str, typer.Option("-u", "--username", help="Who the cluster is there.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def registry(
    ctx: typer.Context,
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> int:
    """List the accounts at registries; set or remove one. No command shows a password."""
    ctx.obj = manager
    return _list(manager, format, quiet) if ctx.invoked_subcommand is None else Exit.DONE


@app.command("set", context_settings={"allow_extra_args": True})
def set_account(
    ctx: typer.Context,
    registry: RegistryArgument,
    username: UsernameOption,
    file: FileOption = None,
    manager: ManagerOption = "",
) -> int:
    """Pull from a registry as a user: `cube registry set registry.example.com -u ci --file password.txt`.

    The password may also come from standard input. It is for every worker that pulls an image from there.
    """
    refuse_arguments(ctx, f"cube registry set {registry} -u {username} --file FILE")
    password = _text(read_private(file, most=MAX_PASSWORD_BYTES))
    with connect(manager or ctx.obj) as client:
        kept = client.set_account(registry, username, password)
    note(f"images of {kept.registry} are pulled as {kept.username}")
    return Exit.DONE


@app.command("ls")
def ls(
    ctx: typer.Context,
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> int:
    """List the registries and the users there."""
    return _list(manager or ctx.obj, format, quiet)


@app.command("rm")
def rm(ctx: typer.Context, registries: RegistriesArgument, manager: ManagerOption = "") -> int:
    """Forget accounts. Images that were pulled stay where they are."""
    with connect(manager or ctx.obj) as client:
        for one in registries:
            client.remove_account(one)
            note(f"the account at {one} is forgotten")
    return Exit.DONE


def _text(password: bytes) -> str:
    try:
        # Editors end a file with a line end, which no password has.
        return password.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidInput((Objection("the password", "is no text"),)) from None


def _list(manager: str, format: Format, quiet: bool) -> int:
    with connect(manager) as client:
        found = client.accounts()
    show_list(found, format, quiet, lambda _: _table(found), called="registry")
    return Exit.DONE


def _table(found: list[AccountView]) -> Table:
    now = datetime.now(UTC)
    rows = [(one.registry, one.username, age(one.at, now)) for one in found]
    return Table(("REGISTRY", "USER", "AGE"), [tuple(map(Cell, row)) for row in rows])
