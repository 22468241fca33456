"""`cube logs`: what the containers of a task wrote, all slots in one stream."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from cube.cli.amounts import duration_option
from cube.cli.exits import Exit
from cube.cli.output import coloured, note, on_terminal, one_line
from cube.cli.target import ManagerOption, connect
from cube.errors import InvalidInput, Objection
from cube.wire.views import LogRecord

PREFIX_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # readable on dark and on light

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def logs(
    ref: Annotated[str, typer.Argument(metavar="TASK", help="A task's name or id.")],
    manager: ManagerOption = "",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes.")] = False,
    tail: Annotated[
        str, typer.Option("-n", "--tail", metavar="N", help="Only the last N lines of each slot.")
    ] = "all",
    timestamps: Annotated[bool, typer.Option("-t", "--timestamps", help="With times.")] = False,
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="Since a time or for a duration: 10m.")
    ] = "",
    no_prefix: Annotated[
        bool, typer.Option("--no-prefix", help="Without the slot's name.")
    ] = False,
) -> int:
    """Show what a task's containers wrote."""
    since_ns = since_option(since, time.time())
    with connect(manager) as client:
        write = line_writer(
            prefix=not no_prefix,
            timestamps=timestamps,
            colour=coloured(sys.stdout),
            safe=on_terminal(sys.stdout),
        )
        for record in client.logs(ref, follow=follow, tail=tail_option(tail), since_ns=since_ns):
            if record.warning:
                note(f"cube: {record.name} on {record.node}: {record.warning}")
            else:
                sys.stdout.write(write(record))
                if follow:
                    sys.stdout.flush()
    return Exit.DONE


def line_writer(
    *, prefix: bool, timestamps: bool, colour: bool, safe: bool
) -> Callable[[LogRecord], str]:
    """Return how a record is written. `safe` takes out what could steer a terminal."""
    colours: dict[str, int] = {}

    def write(record: LogRecord) -> str:
        text = one_line(record.text) if safe else record.text
        start = f"{_time(record.at_ns)} " if timestamps else ""
        if prefix:
            code = colours.setdefault(
                record.name, PREFIX_COLOURS[len(colours) % len(PREFIX_COLOURS)]
            )
            name = f"{record.name} |"
            start = (f"\x1b[{code}m{name}\x1b[0m " if colour else f"{name} ") + start
        return f"{start}{text}\n"

    return write


def tail_option(text: str) -> int | None:
    """Read `all` or a number of lines."""
    if text == "all":
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    raise InvalidInput((Objection("--tail", f"{text!r} is neither a number nor `all`"),))


def since_option(text: str, now: float) -> int | None:
    """Read a length of time before now, an RFC 3339 time or Unix seconds, as Unix nanoseconds."""
    if not text:
        return None
    try:
        if text.isascii() and text.isdigit():
            return int(text) * 1_000_000_000
        then = datetime.fromisoformat(text)
        return int((then if then.tzinfo else then.astimezone()).timestamp() * 1e9)
    except ValueError:
        seconds = duration_option("--since", text) or 0.0
        return int((now - seconds) * 1e9)


def _time(at_ns: int) -> str:
    at = datetime.fromtimestamp(at_ns / 1e9, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ns // 1000 % 1_000_000:06d}Z"
