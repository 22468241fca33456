"""`cube logs`: what the containers of a task wrote, all slots in one stream."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from cube.cli.amounts import duration_option
from cube.cli.exits import Exit
from cube.cli.output import coloured, json_text, note, on_terminal, one_line
from cube.cli.target import ManagerOption, connect
from cube.client.manager import ManagerClient
from cube.core.words import listed, plural
from cube.errors import InvalidInput, NotFound, Objection
from cube.wire.views import LogRecord, TaskDetail

PREFIX_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # readable on dark and on light
SLOTS_TOLD = 10  # at the end of a followed log; `cube status` shows all

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class LogFormat(StrEnum):
    """What `-o` takes here."""

    TEXT = "text"
    JSON = "json"


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
        str,
        typer.Option("--since", metavar="WHEN", help="From then on: 10m ago, or an RFC 3339 time."),
    ] = "",
    until: Annotated[
        str,
        typer.Option("--until", metavar="WHEN", help="Up to then: 10m ago, or an RFC 3339 time."),
    ] = "",
    stdout: Annotated[bool, typer.Option("--stdout", help="Only what went to stdout.")] = False,
    stderr: Annotated[bool, typer.Option("--stderr", help="Only what went to stderr.")] = False,
    no_prefix: Annotated[
        bool, typer.Option("--no-prefix", help="Without the slot's name.")
    ] = False,
    format: Annotated[
        LogFormat, typer.Option("-o", "--output", help="As text, or as JSON: an object a line.")
    ] = LogFormat.TEXT,
) -> int:
    """Show what a task's containers wrote, the lines of all slots in the order of time."""
    if follow and until:
        raise InvalidInput((Objection("--until", "has an end, and --follow has none"),))
    now, last = time.time(), tail_option(tail)
    since_ns, until_ns = moment_option("--since", since, now), moment_option("--until", until, now)
    with connect(manager) as client:
        task = client.task(ref)
        records = client.logs(
            task.id,
            follow=follow,
            tail=last,
            since_ns=since_ns,
            until_ns=until_ns,
            stdout=stdout or not stderr,
            stderr=stderr or not stdout,
        )
        if format is LogFormat.JSON:
            write: Callable[[LogRecord], str] = _json
        else:
            write = line_writer(
                prefix=not no_prefix,
                timestamps=timestamps,
                colour=coloured(sys.stdout),
                safe=on_terminal(sys.stdout),
                width=len(f"{task.name}.{task.replicas}"),
            )
        _show(records, write, warn=format is LogFormat.TEXT, live=follow)
        for line in _end(client, task.id) if follow else _waiting(task):
            note(f"cube: {line}")
    return Exit.DONE


def _show(
    records: Iterator[LogRecord], write: Callable[[LogRecord], str], *, warn: bool, live: bool
) -> None:
    losses = 0
    for record in records:
        losses += record.lost
        if record.warning and warn:
            note(f"cube: {record.name} on {record.node}: {one_line(record.warning)}")
        else:
            sys.stdout.write(write(record))
            if live:
                sys.stdout.flush()
    if losses:
        note(f"cube: lines are missing in {plural(losses, 'place')}")


def _end(client: ManagerClient, task_id: str) -> list[str]:
    """How the task ended whose log has ended."""
    try:
        task = client.task(task_id)
    except NotFound:
        return ["the task was removed"]
    told = [
        f"{one.name} on {one.node}: {one.phase}" + (f", {one.reason}" if one.reason else "")
        for one in sorted(task.allocations, key=lambda one: (one.slot, one.generation))
    ]
    more = [f"and {len(told) - SLOTS_TOLD} more"] if len(told) > SLOTS_TOLD else []
    return [*told[:SLOTS_TOLD], *more, f"task {task.name} has ended: {_sum(task)}"]


def _sum(task: TaskDetail) -> str:
    """Return how its slots ended, alike ones together: `2 completed, 1 failed (exit 3)`."""
    latest = {one.slot: one for one in sorted(task.allocations, key=lambda one: one.generation)}
    if task.replicas == 1 or not latest:
        return task.reason or task.state.value
    alike = Counter(
        f"{one.phase} ({one.reason})" if one.reason else one.phase for one in latest.values()
    )
    return listed([f"{many} {how}" for how, many in alike.most_common()])


def _waiting(task: TaskDetail) -> list[str]:
    """What to say of a task of which nothing has run yet."""
    if any(one.container_id for one in task.allocations):
        return []
    why = f": {task.reason}" if task.reason else ""
    return [f"task {task.name} has written nothing yet{why}; `cube logs -f {task.name}` waits"]


def line_writer(
    *, prefix: bool, timestamps: bool, colour: bool, safe: bool, width: int = 0
) -> Callable[[LogRecord], str]:
    """Return how a record is written. `safe` takes out what could steer a terminal.

    A line that came in parts is put together again, unless one of another slot came in between.
    """
    unfinished: tuple[str, int, str] | None = None

    def write(record: LogRecord) -> str:
        nonlocal unfinished
        source = (record.name, record.generation, record.stream)
        goes_on, broken = unfinished == source, unfinished not in (None, source)
        unfinished = source if record.partial else None
        start = "" if goes_on else _start(record, prefix, timestamps, colour, width)
        text = one_line(record.text) if safe else record.text
        end = "" if record.partial else "\n"
        return ("\n" if broken else "") + start + text + end

    return write


def _start(record: LogRecord, prefix: bool, timestamps: bool, colour: bool, width: int) -> str:
    when = f"{_time(record.at_ns)} " if timestamps else ""
    if not prefix:
        return when
    name = f"{record.name:<{width}} |"
    if colour:
        slot = record.name.rpartition(".")[2]
        code = PREFIX_COLOURS[(int(slot) - 1) % len(PREFIX_COLOURS)]
        name = f"\x1b[{code}m{name}\x1b[0m"
    return f"{name} {when}"


def _json(record: LogRecord) -> str:
    return json_text(msgspec.json.encode(record), sys.stdout) + "\n"


def tail_option(text: str) -> int | None:
    """Read `all` or a number of lines."""
    if text == "all":
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    raise InvalidInput((Objection("--tail", f"{text!r} is neither a number nor `all`"),))


def moment_option(flag: str, text: str, now: float) -> int | None:
    """Read a length of time before now, an RFC 3339 time or Unix seconds, as Unix nanoseconds."""
    if not text:
        return None
    try:
        if text.isascii() and text.isdigit():
            return int(text) * 1_000_000_000
        then = datetime.fromisoformat(text)
    except ValueError:
        seconds = duration_option(flag, text) or 0.0
        return max(int((now - seconds) * 1e9), 0)
    whole = then.replace(microsecond=0)
    whole_seconds = int((whole if whole.tzinfo else whole.astimezone()).timestamp())
    return max(whole_seconds * 1_000_000_000 + then.microsecond * 1000, 0)


def _time(at_ns: int) -> str:
    at = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ns // 1000 % 1_000_000:06d}Z"
