"""`cube why`: why a task waits, or why it runs where it runs; with every node's part in it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from cube.cli.again import draw_again
from cube.cli.exits import Exit
from cube.cli.output import (
    Format,
    FormatOption,
    lines,
    on_terminal,
    one_line,
    show_data,
    show_table,
)
from cube.cli.placement_tables import verdict_table, why_table
from cube.cli.target import ManagerOption, connect
from cube.client.manager import ManagerClient
from cube.errors import NotFound
from cube.wire.placement_views import PictureView, WhyView

SLOTS_NAMED = 5

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def why(
    ref: Annotated[
        str, typer.Argument(metavar="TASK[.SLOT]", help="A task's name or id, or one of its slots.")
    ],
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    watch: Annotated[
        bool, typer.Option("-w", "--watch", help="Say it again when it is another.")
    ] = False,
) -> int:
    """Say why a task waits, or why it runs where it runs.

    Then what each node has to do with it, and what would help. Ends with 4 when a slot has no place now.
    """
    with connect(manager) as client:
        if not watch:
            told = _ask(client, ref)
            _print(told, format)
            return Exit.NOT_PLACED if told.waits else Exit.DONE
        last: list[WhyView] = []

        def draw() -> bool:
            told = _ask(client, ref)
            # Most of what happens in a cluster has nothing to do with it. A terminal was cleared.
            news = [told] != last or on_terminal(sys.stdout)
            if news:
                _print(told, format)
            last[:] = [told]
            return news

        draw_again(client, draw)


def _print(told: WhyView, format: Format) -> None:
    if format in (Format.JSON, Format.YAML):
        show_data(told, format)
    elif format is Format.NAME:
        lines(slot.name for slot in told.slots)
    else:
        show(told)


def _ask(client: ManagerClient, ref: str) -> WhyView:
    """Ask about the task of that name, or else about a slot: a task's name may end like a slot's, too."""
    task, _, number = ref.rpartition(".")
    try:
        return client.explain(ref)
    except NotFound:
        if not (task and number.isascii() and number.isdigit() and len(number) < 10):
            raise
    return client.explain(task, int(number))


def show(told: WhyView) -> None:
    """Print it for people: the answer, the slots where there are several, the nodes, what would help."""
    lines([one_line(told.answer)])
    if len(told.slots) > 1:
        lines([""])
        show_table(why_table(told, datetime.now(UTC)))
    waiting = {slot.slot for slot in told.slots if slot.node is None or slot.place_now is None}
    for picture in told.pictures:
        # Where several slots have a node, the table of slots says how it stands: a table for each would bury it.
        if len(told.slots) == 1 or waiting.intersection(picture.slots):
            _show_picture(told, picture)
    if told.left_out:
        names = _names(told, told.left_out)
        lines(["", f"too many to tell of all; `cube why {told.task}.SLOT` tells of {names}"])


def _show_picture(told: WhyView, picture: PictureView) -> None:
    if not picture.nodes:
        return
    lines([""])
    if len(told.pictures) > 1:
        lines([f"for {_names(told, picture.slots)}:"])
    show_table(verdict_table(picture))
    if picture.why_chosen:
        lines(["", f"now: {one_line(picture.why_chosen)}"])
    if picture.remedies:
        lines(["", "what would help:"])
        lines(f"  {one_line(remedy.message)}" for remedy in picture.remedies)


def _names(told: WhyView, numbers: tuple[int, ...]) -> str:
    named = ", ".join(f"{told.task}.{number}" for number in numbers[:SLOTS_NAMED])
    more = len(numbers) - SLOTS_NAMED
    return f"{named} and {more} more" if more > 0 else named
