"""Writing to people and programs: rich tables on a terminal, plain rows, never cut, in a pipe.

stdout carries what was asked for, stderr everything else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, TextIO

import msgspec
import typer

from cube.cli.columns import FOLDED, fitted, needed
from cube.cli.tables import Cell, Table
from cube.cli.words import sign


class Format(StrEnum):
    """What `-o` takes. JSON is a contract: fields are only ever added."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


FormatOption = Annotated[
    Format, typer.Option("-o", "--output", help="How to print it.", case_sensitive=False)
]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="Print ids only.")]


def show_list(
    items: Sequence[Any],
    format: Format,
    quiet: bool,
    table: Callable[[bool], Table],
    *,
    called: str = "",
) -> None:
    """Print several views in the format asked for; `table` gets whether it is to be wide.

    `called` is the field that views without both an id and a name are called by.
    """
    if quiet:
        lines(getattr(item, called or "id") for item in items)
    elif format is Format.NAME:
        lines(getattr(item, called or "name") for item in items)
    elif format in (Format.JSON, Format.YAML):
        show_data(items, format)
    else:
        show_table(table(format is Format.WIDE), whole=format is Format.WIDE)


def show_data(value: Any, format: Format) -> None:
    """Print a view as the API gives it: exactly in a pipe, and on a terminal without what steers it."""
    if format is Format.YAML:
        text = safe(msgspec.yaml.encode(value).decode(), sys.stdout)
    else:
        data = msgspec.json.format(msgspec.json.encode(value), indent=2)
        text = json_text(data, sys.stdout) + "\n"
    sys.stdout.write(text)


def show_table(table: Table, *, whole: bool = False, aside: bool = False) -> None:
    """Print rows: drawn and coloured on a terminal, aligned and whole in a pipe.

    On a terminal the columns that there is no room for are left out, unless all are asked for by `whole`. `aside`: on
    stderr, as it is not the answer.
    """
    stream = sys.stderr if aside else sys.stdout
    if aside:
        sys.stdout.flush()  # keeps the order where both go to one place
    console = _console(stream) if on_terminal(stream) else None
    if console is not None and not (whole and needed(table) > console.width):
        console.print(rich_table(table if whole else fitted(table, console.width)))
    else:
        stream.writelines(f"{safe(row, stream)}\n" for row in plain_rows(table))


def show_page(parts: Iterable[list[str] | Table]) -> None:
    """Print parts of a page with an empty line between them."""
    for number, part in enumerate(parts):
        if number:
            lines([""])
        if isinstance(part, Table):
            show_table(part)
        else:
            lines(part)


def lines(texts: Iterable[str]) -> None:
    """Print each text on a line of stdout."""
    for text in texts:
        sys.stdout.write(f"{safe(text, sys.stdout)}\n")


def note(text: str) -> None:
    """Tell the person something that is not the answer."""
    sys.stdout.flush()  # keeps the order where both go to one place
    sys.stderr.write(f"{safe(text, sys.stderr)}\n")
    sys.stderr.flush()


def on_terminal(stream: TextIO) -> bool:
    """Whether a person watches that stream on a terminal that can be drawn on."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def coloured(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether colour is wanted there (https://no-color.org)."""
    return on_terminal(stream) and not environ.get("NO_COLOR")


def plain_rows(table: Table) -> list[str]:
    """Return the heading and the rows, aligned by blanks and never cut."""
    texts = [table.columns, *(tuple(_flat(cell.text) for cell in row) for row in table.rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(table.columns))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in texts
    ]


def broken(text: str, stream: TextIO) -> str:
    """Return text with line ends where a terminal would cut a word: between the parts that ` | ` keeps apart."""
    if not on_terminal(stream):
        return text
    import shutil

    width, lines_ = shutil.get_terminal_size().columns, [""]
    for part in text.split(" | "):
        longer = f"{lines_[-1]} | {part}" if lines_[-1] else part
        if len(longer) > width and lines_[-1]:
            lines_.append(part)
        else:
            lines_[-1] = longer
    return "\n".join(lines_)


def one_line(text: str) -> str:
    """Return text without control characters: what a container wrote may not steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text) if not text.isprintable() else text


def safe(text: str, stream: TextIO) -> str:
    """Return what may be written there: for a terminal without what steers it, for a pipe as it is."""
    if not stream.isatty():
        return text
    return "\n".join(map(one_line, text.split("\n")))


def json_text(data: bytes, stream: TextIO) -> str:
    """Return JSON as it may be written there: for a terminal with what steers it escaped, which means the same."""
    text = data.decode()
    if text.isprintable() or not stream.isatty():
        return text
    import json  # not loaded where all goes well

    # JSON itself has escaped all below U+0020 but for the line ends that it is laid out with.
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _flat(text: str) -> str:
    # A row stays one row. What else is in it is passed on: `lines` takes it out where a terminal would obey it.
    return " ".join(text.splitlines()) if len(text.splitlines()) > 1 else text.rstrip("\r\n")


def rich_table(table: Table) -> Any:
    """Return a rich table. Long fields are folded, not cut."""
    from rich.table import Table as RichTable  # 30 ms that a pipe does not pay
    from rich.text import Text

    drawn = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in table.columns:
        drawn.add_column(column, overflow="fold", no_wrap=column not in FOLDED)
    for row in table.rows:
        drawn.add_row(
            *(Text(_signed(cell), style=sign(cell.state)[1] if cell.state else "") for cell in row)
        )
    return drawn


def _signed(cell: Cell) -> str:
    text = one_line(cell.text)
    if not cell.state or not speaks_unicode(sys.stdout):
        return text
    return f"{sign(cell.state)[0]} {text}"


def speaks_unicode(stream: TextIO) -> bool:
    """Whether signs beyond ASCII can be written there."""
    return (stream.encoding or "").lower().replace("-", "") == "utf8"


def _console(stream: TextIO) -> Any:
    from rich.console import Console

    return Console(file=stream, highlight=False, no_color=not coloured(stream), markup=False)
