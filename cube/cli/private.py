"""What nobody else may read, on its way in: from a file or standard input, never as an argument."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cube.cli.output import note
from cube.errors import InvalidInput, Objection

FileOption = Annotated[
    Path | None,
    typer.Option("-f", "--file", metavar="FILE", help="The value; - is standard input."),
]


def refuse_arguments(ctx: typer.Context, instead: str) -> None:
    """Refuse words that are left over, which may be the value. They are not shown again."""
    if ctx.args:
        # Everybody on this machine reads arguments, and shells write them down: it is known now.
        words = "is not taken as an argument, which others can read: choose another value"
        hint = f"{instead}, or from standard input"
        raise InvalidInput((Objection("the value", words),), hint=hint)


def read_private(file: Path | None, *, most: int) -> bytes:
    """Return the value: of a file as it is; of standard input without the line end that `echo` adds."""
    if file is None and sys.stdin.isatty():
        note("type the value, then Enter and Ctrl-D")
    try:
        if file is None or str(file) == "-":
            data = sys.stdin.buffer.read(most + 2).removesuffix(b"\n")
        else:
            with file.open("rb") as opened:
                data = opened.read(most + 1)
    except OSError as error:
        raise InvalidInput(
            (Objection("--file", f"{file} cannot be read: {error.strerror}"),)
        ) from error
    if not data or len(data) > most:
        words = "is empty" if not data else f"is longer than {most} bytes"
        raise InvalidInput((Objection("the value", words),))
    return data
