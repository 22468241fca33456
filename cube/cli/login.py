"""`cube login`: keep a token for the manager in use. It never is an argument: those are everybody's to read."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from msgspec.structs import replace

from cube.cli.address import located, of_context
from cube.cli.contexts import Contexts, context_path
from cube.cli.exits import Exit
from cube.cli.output import note, on_terminal
from cube.cli.target import ManagerOption
from cube.client.manager import ManagerClient
from cube.client.transport import Address
from cube.errors import CubeError, InvalidInput, Objection

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def login(
    manager: ManagerOption = "",
    forget: Annotated[bool, typer.Option("--forget", help="Forget the token instead.")] = False,
) -> int:
    """Try a token and keep it for the commands to come. It is read from the terminal or from stdin."""
    contexts = Contexts(context_path(os.environ))
    if forget:
        _keep(contexts, "")
        note(f"no token is kept in {contexts.path}")
        return Exit.DONE
    address = _of_the_context(manager)
    token = _read()
    with ManagerClient(replace(address, token=token)) as client:
        client.check_rights()
    _keep(contexts, token)
    note(f"{address} lets you in; the token is kept in {contexts.path}")
    if os.environ.get("CUBE_TOKEN"):
        note("note: CUBE_TOKEN is set and outweighs it")
    return Exit.DONE


def _of_the_context(flag: str) -> Address:
    """Return the manager that the token would stand beside. InvalidInput where another was named: it would get it."""
    (address, source), (kept, _) = located(flag, os.environ), of_context(os.environ)
    if (address.host, address.port, address.tls) != (kept.host, kept.port, kept.tls):
        message = (
            f"names {address}, and the context in use is that of {kept}: it would get the token"
        )
        hint = "`cube context add NAME HOST:PORT --use` first, or set CUBE_TOKEN instead"
        raise InvalidInput((Objection(source, message),), hint=hint)
    return address


def _keep(contexts: Contexts, token: str) -> None:
    contexts.keep_token(contexts.current(os.environ), token)
    try:
        contexts.save()
    except OSError as error:
        raise CubeError(f"{contexts.path} cannot be written: {error.strerror}") from error


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
