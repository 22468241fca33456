"""A page read for what can be run: its commands, what it says they print, and the remarks that steer both.

The rules are those of docs/checklists/write-a-page.md. Knows nothing of shells or clusters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

RUN = ("console", "sh")
"""The languages whose blocks are run."""

_OF_A_BLOCK = {"file", "exit", "before", "eventually", "follows", "not run"}
_WITHOUT_A_VALUE = {"eventually", "follows"}
_REMARK = re.compile(r"<!--\s*([a-z ]+?)\s*(?::\s*(.*?)\s*)?-->", re.DOTALL)
_GOES_ON = ("\\", "&&", "|")  # a line that ends so is not the whole command


class PageError(ValueError):
    """The page cannot be read: a remark that nobody knows, or one that steers nothing."""


class Step(NamedTuple):
    """One command as it is written. `shown`: the lines said to come of it; None: nothing is said."""

    command: str
    shown: tuple[str, ...] | None


class Block(NamedTuple):
    """One fenced block. `line` is that of its fence; `exit` the expected code of its last command."""

    line: int
    language: str
    text: str
    steps: tuple[Step, ...] = ()
    file: str = ""  # saved as this
    exit: int = 0
    before: tuple[str, ...] = ()  # run first, silently
    eventually: bool = False  # run again until the output is as shown
    follows: bool = (
        False  # its last command goes on by itself, and is ended when it has shown what it shows
    )
    not_run: str = ""  # the reason


class Page(NamedTuple):
    """What a page asks for. `cluster`: the cube commands to run beside it; empty: the page starts its own."""

    cluster: tuple[str, ...]
    blocks: tuple[Block, ...]


def read_page(text: str) -> Page:
    """Return the page. PageError names the line that cannot be understood."""
    cluster: tuple[str, ...] = ()
    blocks: list[Block] = []
    remarks: dict[str, str] = {}
    for line, piece in _pieces(text):
        if (remark := _remark(piece, line)) is not None:
            key, value = remark
            if key in remarks:
                raise PageError(f"line {line}: `{key}` is said twice of one block")
            if key == "cluster":
                if blocks or cluster:
                    raise PageError(f"line {line}: `cluster` belongs at the top of the page, once")
                cluster = _lines(value) if value != "none" else ()
            else:
                remarks[key] = value
        elif piece.startswith("```"):
            blocks.append(_block(line, piece, remarks))
            remarks = {}
        elif remarks:
            raise PageError(f"line {line - 1}: `{min(remarks)}` is not right before a block")
    if remarks:
        raise PageError(f"the end: `{min(remarks)}` is not right before a block")
    return Page(cluster, tuple(blocks))


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Cut the page into whole comments, whole fenced blocks and single other lines, each with its first line."""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        gathered = [line]
        if line.startswith("<!--"):
            while "-->" not in gathered[-1]:
                gathered.append(_next(lines, number))
        elif line.startswith("```"):
            while len(gathered) == 1 or gathered[-1] != "```":
                gathered.append(_next(lines, number))
        yield number, "\n".join(gathered)


def _next(lines: Iterator[tuple[int, str]], opened: int) -> str:
    following = next(lines, None)
    if following is None:
        raise PageError(f"line {opened}: what begins here has no end")
    return following[1]


def _remark(piece: str, line: int) -> tuple[str, str] | None:
    """Return the key and the value of a remark, None of anything else. Other comments are refused."""
    if not piece.startswith("<!--"):
        return None
    found = _REMARK.fullmatch(piece)
    key, value = (found[1], found[2] or "") if found else ("", "")
    if key not in _OF_A_BLOCK | {"cluster"}:
        raise PageError(f"line {line}: no remark: {piece}")
    if bool(value) is (key in _WITHOUT_A_VALUE):
        raise PageError(f"line {line}: `{key}` {'takes no value' if value else 'needs a value'}")
    return key, value


def _block(line: int, piece: str, remarks: dict[str, str]) -> Block:
    first, *text, _ = piece.split("\n")
    language = first.removeprefix("```").strip()
    if remarks.keys() - {"file", "not run"} and language not in RUN:
        raise PageError(f"line {line}: a block in {language or 'no language'} is not run")
    if language not in RUN and any(one.startswith("$ ") for one in text):
        raise PageError(f"line {line}: commands stand in a block in console or sh")
    return Block(
        line=line,
        language=language,
        text="\n".join(text) + "\n",
        steps=tuple(
            {"console": _console, "sh": _script}[language](text) if language in RUN else ()
        ),
        file=remarks.get("file", ""),
        exit=int(remarks.get("exit", "0")),
        before=_lines(remarks.get("before", "")),
        eventually="eventually" in remarks,
        follows="follows" in remarks,
        not_run=remarks.get("not run", ""),
    )


def _console(lines: list[str]) -> Iterator[Step]:
    """`$ ` begins a command, which a backslash at the end of a line carries on; the others are what it printed."""
    left = list(lines)
    while left:
        first = left.pop(0)
        if not first.startswith("$ "):
            raise PageError(f"a block in console begins with a command, not with: {first}")
        command = [first.removeprefix("$ ")]
        while command[-1].endswith("\\") and left:
            command.append(left.pop(0))
        shown = []
        while left and not left[0].startswith("$ "):
            shown.append(left.pop(0))
        yield Step("\n".join(command), tuple(shown))


def _script(lines: list[str]) -> Iterator[Step]:
    """Every line is a command, or a part of one; nothing is said of the output."""
    command: list[str] = []
    for line in lines:
        if not command and (not line.strip() or line.startswith("#")):
            continue
        command.append(line)
        if not line.endswith(_GOES_ON):
            yield Step("\n".join(command), None)
            command = []


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())
