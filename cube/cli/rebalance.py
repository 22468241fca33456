"""`cube rebalance`: show or make the moves that bring replicas to where they would be placed today."""

from __future__ import annotations

from typing import Annotated

import typer

from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, note, show_data, show_table
from cube.cli.tables import move_table
from cube.cli.target import ManagerOption, connect
from cube.core.words import plural
from cube.errors import InvalidInput, Objection

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def rebalance(
    plan: Annotated[
        bool, typer.Option("--plan", help="Show the moves; 1 when there are any.")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Make them, one after the other.")] = False,
    max_moves: Annotated[
        int | None, typer.Option("--max-moves", metavar="N", min=1, help="At most so many; 10.")
    ] = None,
    include_single: Annotated[
        bool,
        typer.Option("--include-single", help="Also tasks of one replica; down while it moves."),
    ] = False,
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
) -> int:
    """Move replicas to where they would be placed today: after a node came, or was opened again."""
    if plan == apply:
        raise InvalidInput((Objection("", "say either --plan, to see the moves, or --apply"),))
    with connect(manager) as client:
        moves = client.rebalance(dry_run=plan, max_moves=max_moves, include_single=include_single)
    if format in (Format.JSON, Format.YAML):
        show_data(moves, format)
    elif moves:
        show_table(move_table(moves))
    if not moves:
        note("nothing to move: every replica is where it would be placed today")
        return Exit.DONE
    if apply:
        note(f"{plural(len(moves), 'move')}, one after the other; watch with `cube status -w`")
    return Exit.FAILED if plan else Exit.DONE
