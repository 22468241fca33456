"""`cube login`: keep a token for the manager in use. It never is an argument: those are everybody's to read."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from msgspec.structs import replace

from cube.cli.address import resolve
from cube.cli.contexts import context_path
from cube.cli.exits import Exit
from cube.cli.keeping import keep_token
from cube.cli.output import note, on_terminal
from cube.cli.target import ManagerOption
from cube.client.manager import ManagerClient
from cube.errors import InvalidInput, Objection

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def login(
    manager: ManagerOption = "",
    forget: Annotated[bool, typer.Option("--forget", help="Forget the token instead.")] = False,
) -> int:
    """Try a token and keep it for the commands to come. It is read from the terminal or from stdin."""
    path = context_path(os.environ)
    if forget:
        keep_token(path, None, os.environ)
        note(f"no token is kept in {path}")
        return Exit.DONE
    address = resolve(manager, os.environ)
    token = _read()
    with ManagerClient(replace(address, token=token)) as client:
        client.check_rights()
    keep_token(path, token, os.environ)
    note(f"{address} lets you in; the token is kept in {path}")
    if os.environ.get("CUBE_TOKEN"):
        note("note: CUBE_TOKEN is set and outweighs it")
    return Exit.DONE


def _read() -> str:
    if on_terminal(sys.stdin):
        text = typer.prompt("Token", hide_input=True)
    else:
        text = sys.stdin.readline(1024)
    token = str(text).strip()
    if not token or not token.isascii() or not token.isprintable():
        raise InvalidInput(
            (Objection("stdin", "no token came"),), hint="cube login < FILE, or paste it when asked"
        )
    return token
