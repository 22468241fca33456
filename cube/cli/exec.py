"""`cube exec`: a command inside a running container, wherever that is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import Annotated

import typer
from typer._click import Context  # typer's own copy of click; it has no public name
from typer.core import TyperCommand

from cube.cli.exits import Exit
from cube.cli.target import ManagerOption, resolve
from cube.client.transport import Address
from cube.errors import CubeError, InvalidInput, Objection
from cube.wire.tunnels import Exec

app = typer.Typer(add_completion=False, rich_markup_mode=None)

SIGNALLED = 128


class ExecCommand(TyperCommand):
    """From the word after the task on, all belongs to the command."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse, with flags ending at the task's name, as docker has it."""
        ctx.allow_interspersed_args = False
        return super().parse_args(ctx, args)


@app.command(cls=ExecCommand)
def exec(
    ref: Annotated[str, typer.Argument(metavar="TASK[.SLOT]", help="A task, or one slot of it.")],
    command: Annotated[list[str], typer.Argument(metavar="[--] COMMAND...", help="What to run.")],
    manager: ManagerOption = "",
    interactive: Annotated[
        bool, typer.Option("-i", "--interactive", help="Pass stdin on to it.")
    ] = False,
    tty: Annotated[bool, typer.Option("-t", "--tty", help="Give it a terminal.")] = False,
    user: Annotated[
        str, typer.Option("-u", "--user", metavar="USER", help="Run it as NAME|UID[:GROUP|GID].")
    ] = "",
    workdir: Annotated[
        str, typer.Option("-w", "--workdir", metavar="DIR", help="Run it in this folder.")
    ] = "",
    env: Annotated[
        list[str], typer.Option("-e", "--env", metavar="KEY=VALUE", help="Set a variable.")
    ] = [],  # noqa: B006 - typer never changes a default
) -> int:
    """Run a command inside a running container and return its exit code.

    Without a slot, in the first one that runs. The command ends with this one: what is left of it is killed.

    \b
    Examples:
      cube exec -it web sh
      cube exec web.2 -- ls -l /data
      cube exec -i db sh -c 'cat > /tmp/dump' < dump.sql
    """
    if command[:1] == ["--"]:
        command = command[1:]
    if tty and interactive and not sys.stdin.isatty():
        raise InvalidInput(
            (Objection("-t", "stdin is no terminal"),),
            hint="leave out -t to pass on what is piped in",
        )
    wish = Exec(
        command=tuple(command),
        env=variables(env),
        user=user,
        workdir=workdir,
        tty=tty,
        stdin=interactive,
    )
    try:
        return asyncio.run(_run(resolve(manager, os.environ), ref, wish))
    except CubeError as error:
        if error.code == "command_not_found":
            error.exit_code = (
                Exit.COMMAND_NOT_FOUND if "not found" in error.message else Exit.NOT_EXECUTABLE
            )
        raise


def variables(given: list[str]) -> dict[str, str]:
    """Read KEY=VALUE; KEY alone has the value that it has here, as docker has it."""
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not key:
            raise InvalidInput((Objection("--env", f"{text!r} has no name; write KEY=VALUE"),))
        if equals:
            found[key] = value
        elif key in os.environ:
            found[key] = os.environ[key]
    return found


async def _run(address: Address, ref: str, wish: Exec) -> int:
    # Imported here: aiohttp takes as long as the whole of another command.
    from msgspec.structs import replace

    from cube.cli.terminal import STDIN, STDOUT, TerminalStreams, raw, size_of
    from cube.client.exec import run_exec

    if wish.tty:
        rows, columns = size_of(STDIN if wish.stdin else STDOUT)
        wish = replace(wish, rows=rows, columns=columns)
    in_raw_mode = wish.tty and wish.stdin
    with (
        raw(STDIN) if in_raw_mode else contextlib.nullcontext(),
        TerminalStreams(tty=wish.tty) as streams,
    ):
        code = await run_exec(address, ref, wish, streams)
    return SIGNALLED + streams.ended_by if streams.ended_by else code
