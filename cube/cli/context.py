"""`cube context`: the clusters a person works with, by name."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from cube.cli.address import DEFAULT_HOST, kept_ca, located, parse_address
from cube.cli.contexts import Contexts, context_path
from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, lines, note, show_data, show_table
from cube.cli.tables import Cell, Table
from cube.wire.routes import DEFAULT_MANAGER_PORT

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of the context.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def context(ctx: typer.Context, format: FormatOption = Format.TABLE) -> int:
    """List contexts; use, add, remove or show one."""
    return _list(format) if ctx.invoked_subcommand is None else Exit.DONE


@app.command("ls")
def ls(format: FormatOption = Format.TABLE) -> int:
    """List the contexts; the current one is marked."""
    return _list(format)


@app.command("use")
def use(name: NameArgument) -> int:
    """Have commands speak to this manager from now on."""
    contexts = _contexts()
    contexts.use(name)
    contexts.save()
    lines([name])
    for variable in ("CUBE_CONTEXT", "CUBE_MANAGER", "CUBE_MANAGER_HOST", "CUBE_MANAGER_PORT"):
        if os.environ.get(variable):
            note(f"note: {variable} is set and outweighs it")
    return Exit.DONE


@app.command("add")
def add(
    name: NameArgument,
    manager: Annotated[
        str, typer.Argument(metavar="HOST:PORT", help="Its manager; https://HOST:PORT over TLS.")
    ],
    ca: Annotated[
        str,
        typer.Option(
            "--ca", metavar="PIN|FILE", help="Its root: the pin of `cube ca show`, or a file."
        ),
    ] = "",
    use_it: Annotated[bool, typer.Option("--use", help="And use it from now on.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Also when there is one.")] = False,
) -> int:
    """Put a cluster on record."""
    parse_address(manager, "HOST:PORT")
    contexts = _contexts()
    contexts.add(name, manager, ca=kept_ca(ca), replace=replace)
    if use_it:
        contexts.use(name)
    contexts.save()
    lines([name])
    return Exit.DONE


@app.command("rm")
def rm(name: NameArgument) -> int:
    """Forget a cluster. Nothing happens to it."""
    contexts = _contexts()
    contexts.remove(name)
    contexts.save()
    lines([name])
    return Exit.DONE


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Else what is in use.")] = "",
    format: FormatOption = Format.TABLE,
) -> int:
    """Show one context; without a name, which manager commands speak to, and why that one."""
    contexts = _contexts()
    if name:
        found = contexts.get(name)
        shown = {"name": name, "manager": found.get("manager") or _HERE}
        shown |= {"token": "set"} if found.get("token") else {}
    else:
        address, source = located("", os.environ)
        shown = {"name": contexts.current(os.environ), "manager": str(address), "from": source}
        shown |= {"token": "set"} if address.token else {}
    shown["file"] = str(contexts.path)
    if format in (Format.JSON, Format.YAML):
        show_data(shown, format)
    elif format is Format.NAME:
        lines([shown["name"]])
    else:
        lines(f"{key + ':':<9}{value}" for key, value in shown.items())
    return Exit.DONE


_HERE = f"{DEFAULT_HOST}:{DEFAULT_MANAGER_PORT}"


def _contexts() -> Contexts:
    return Contexts(context_path(os.environ))


def _list(format: Format) -> int:
    contexts = _contexts()
    current = contexts.current(os.environ)
    managers = {name: contexts.get(name).get("manager") or _HERE for name in contexts.names()}
    if format in (Format.JSON, Format.YAML):
        rows = [
            {"name": name, "manager": manager, "current": name == current}
            for name, manager in managers.items()
        ]
        show_data(rows, format)
    elif format is Format.NAME:
        lines(managers)
    else:
        show_table(
            Table(
                ("CURRENT", "NAME", "MANAGER"),
                [
                    (Cell("*" if name == current else ""), Cell(name), Cell(manager))
                    for name, manager in managers.items()
                ],
            )
        )
    return Exit.DONE
