"""`cube events`: the story of the cluster or of one task."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer

from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, json_text, one_line, show_data, show_table
from cube.cli.tables import event_fields, event_table
from cube.cli.target import ManagerOption, connect
from cube.wire.views import EventView

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def events(
    ref: Annotated[str, typer.Argument(metavar="[TASK]", help="Only of this task.")] = "",
    manager: ManagerOption = "",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes.")] = False,
    tail: Annotated[
        int, typer.Option("-n", "--tail", metavar="N", min=0, max=1000, help="The newest N.")
    ] = 50,
    format: FormatOption = Format.TABLE,
) -> int:
    """Show what happened, and when, and why."""
    with connect(manager) as client:
        # With none wanted, one is asked for all the same: following goes on behind it.
        newest = client.events(task=ref or None, limit=max(tail, 1))
        past = newest[:tail]
        if not follow:
            if format in (Format.JSON, Format.YAML):
                show_data(past, format)
            else:
                show_table(event_table(past))
            return Exit.DONE
        for event in past:
            _print(event, format)
        after = newest[-1].revision if newest else 0
        with client.feed(after=after, task=ref or None) as feed:
            while True:
                if (news := feed.next(1.0)) is not None:
                    _print(news, format)


def _print(event: EventView, format: Format) -> None:
    """Print one event on one line: followed events cannot be aligned by what is yet to come."""
    if format is Format.JSON:
        text = json_text(msgspec.json.encode(event), sys.stdout)
    else:
        at, kind, subject, message = event_fields(event)
        text = one_line(f"{at}  {kind:<22}  {subject:<20}  {message}".rstrip())
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
