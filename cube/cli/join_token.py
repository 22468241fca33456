"""`cube join-token`: the rights to join, each for a while and for so many machines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cube.cli.amounts import duration_option
from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, QuietOption, lines, note, show_data, show_list
from cube.cli.tables import Cell, Table
from cube.cli.target import ManagerOption, connect
from cube.wire.membership import JoinTokenView

TTL = 3600.0  # seconds: long enough to walk to the other machine

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def group() -> None:
    """Make, list and remove the tokens that machines join with."""


@app.command("create")
def create(
    ttl: Annotated[
        str, typer.Option("--ttl", metavar="DURATION", help="How long it is good: 1h, 10m.")
    ] = "1h",
    uses: Annotated[
        int, typer.Option("--uses", min=1, max=1000, help="For how many machines.")
    ] = 1,
    node: Annotated[
        str,
        typer.Option("--node", metavar="NODE", help="Only for this node, which lost its key."),
    ] = "",
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> int:
    """Make a token and print the line by which a worker joins. It is shown this once."""
    with connect(manager) as client:
        made = client.make_join_token(
            ttl=duration_option("--ttl", ttl) or TTL, uses=uses, node=node
        )
    if format in (Format.JSON, Format.YAML):
        show_data(made, format)
    elif quiet or format is Format.NAME:
        lines([made.token])
    else:
        print_token(made)
    return Exit.DONE


@app.command("ls")
def ls(
    manager: ManagerOption = "", format: FormatOption = Format.TABLE, quiet: QuietOption = False
) -> int:
    """List the tokens. Their secrets are kept nowhere."""
    with connect(manager) as client:
        tokens = client.join_tokens()
    now = datetime.now(UTC)
    show_list(tokens, format, quiet, lambda _: _table(tokens, now), called="id")
    return Exit.DONE


@app.command("rm")
def rm(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of tokens.")],
    manager: ManagerOption = "",
) -> int:
    """Make tokens worthless."""
    with connect(manager) as client:
        for id in ids:
            client.remove_join_token(id)
            lines([id])
    return Exit.DONE


def print_token(made: JoinTokenView) -> None:
    """Print the line for the other machine, and for how long it is good."""
    lines([f"{made.join} --token {made.token}"])
    machines = "one machine" if made.uses == 1 else f"{made.uses} machines"
    note(f"good for {machines} until {made.expires_at:%Y-%m-%d %H:%M:%S} UTC")


def _table(tokens: list[JoinTokenView], now: datetime) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(one.id),
            Cell(f"{one.left} of {one.uses}"),
            Cell("expired" if one.expires_at <= now else f"{one.expires_at:%Y-%m-%d %H:%M:%S}"),
            Cell(one.node_id or ""),
        )
        for one in tokens
    ]
    return Table(("ID", "LEFT", "EXPIRES", "NODE"), rows)
