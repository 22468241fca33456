"""Where the progress of a waiting command goes, on stderr: a redrawn terminal, lines, JSON lines, or nowhere."""

from __future__ import annotations

import sys
from enum import StrEnum
from types import TracebackType
from typing import Annotated, Any, Protocol, Self

import msgspec
import typer

from cube.cli.frames import Frame, Row, fitted
from cube.cli.output import coloured, note, on_terminal, one_line, speaks_unicode
from cube.cli.words import sign

LOOK_SECONDS = 10.0  # looks even without an event, should one have been lost
LIVE_LOOK_SECONDS = 1.0  # the progress of a pull is no event
LIVE_TICK_SECONDS = 0.25  # seconds that stand still look like a command that hangs
BAR_CELLS = 20


class Progress(StrEnum):
    """What `--progress` takes."""

    AUTO = "auto"  # tty on a terminal, else plain
    TTY = "tty"
    PLAIN = "plain"
    JSON = "json"
    QUIET = "quiet"


ProgressOption = Annotated[
    Progress,
    typer.Option("--progress", help="How to show what goes on.", case_sensitive=False),
]


class Display(Protocol):
    """Where progress is shown."""

    look_seconds: float

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def show(self, frame: Frame, changes: list[str]) -> None:
        """Show how it stands, and what changed since the last time."""

    def end(self, exit_code: int, message: str) -> None:
        """Tell programs how it ended; people are told by the command."""


class Silent:
    """Shows nothing."""

    look_seconds = LOOK_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, frame: Frame, changes: list[str]) -> None:
        """Show nothing."""

    def end(self, exit_code: int, message: str) -> None:
        """Say nothing."""


class Lines(Silent):
    """One line for each change."""

    def show(self, frame: Frame, changes: list[str]) -> None:
        """Print what changed."""
        for change in changes:
            note(one_line(change))


class RowLine(msgspec.Struct, frozen=True, tag="slot", tag_field="type", kw_only=True):
    """A slot as it now stands, for programs. Fields are only ever added."""

    subject: str  # the task, or the node that is drained
    slot: str
    state: str
    node: str
    seconds: float | None
    percent: int | None
    message: str


class EndLine(msgspec.Struct, frozen=True, tag="end", tag_field="type", kw_only=True):
    """How it ended, for programs: the exit code of this subject, and the sentence that goes with it."""

    subject: str
    exit: int
    message: str


class NoteLine(msgspec.Struct, frozen=True, tag="note", tag_field="type", kw_only=True):
    """What is said beside the slots: that it is still being waited, that the manager is away."""

    subject: str
    message: str


class JsonLines(Silent):
    """One JSON object a line for each row that changed, each remark, and the end."""

    look_seconds = LIVE_LOOK_SECONDS

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], tuple[object, ...]] = {}
        self._subject = ""

    def show(self, frame: Frame, changes: list[str]) -> None:
        """Write the rows that are not as they were."""
        self._subject = frame.subject
        for row in frame.rows:
            key, now = (row.name, row.node), (row.state, row.share, row.detail)
            if self._told.get(key) != now:
                self._told[key] = now
                self._write(_row_line(frame.subject, row))
        for change in changes:
            if not frame.rows or change.startswith(f"{frame.subject}: "):
                self._write(NoteLine(subject=frame.subject, message=change))

    def end(self, exit_code: int, message: str) -> None:
        """Write the verdict."""
        self._write(EndLine(subject=self._subject, exit=exit_code, message=message))

    def _write(self, line: msgspec.Struct) -> None:
        note(msgspec.json.encode(line).decode())


def _row_line(subject: str, row: Row) -> RowLine:
    return RowLine(
        subject=subject,
        slot=row.name,
        state=row.state,
        node=row.node,
        seconds=None if row.seconds is None else round(row.seconds, 1),
        percent=None if row.share is None else round(row.share * 100),
        message=row.detail,
    )


class Live:
    """The rows on a terminal, redrawn in place, and left there at the end."""

    look_seconds = LIVE_LOOK_SECONDS

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._console = Console(
            stderr=True, highlight=False, markup=False, no_color=not coloured(sys.stderr)
        )
        self._live = RichLive(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, frame: Frame, changes: list[str]) -> None:
        """Redraw; what is said beside the slots stays above them."""
        for change in changes:
            if change.startswith(f"{frame.subject}: "):
                self._console.print(one_line(change))
        size = self._console.size
        self._live.update(drawn(frame, size.width, size.height), refresh=True)

    def end(self, exit_code: int, message: str) -> None:
        """Say nothing: the rows stay, and the command adds its sentence."""


def display_for(progress: Progress, quiet: bool = False) -> Display:
    """Return what was asked for; on its own, what suits who is watching."""
    if quiet or progress is Progress.QUIET:
        return Silent()
    if progress is Progress.JSON:
        return JsonLines()
    if progress is Progress.AUTO:
        progress = Progress.TTY if on_terminal(sys.stderr) else Progress.PLAIN
    return Live() if progress is Progress.TTY else Lines()


def drawn(frame: Frame, width: int, height: int) -> Any:
    """Return the frame as it is drawn on a terminal of so many columns and lines: one line a row, cut at its end.

    Not a rich table: that one takes from every column where the last is too long, and a slot without its name is none.
    """
    from rich.console import Group
    from rich.text import Text

    shown = fitted(frame, max(1, height - 2))  # the summary, and the line of the cursor
    cells = [_cells(row) for row in shown.rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)][:4] or [0] * 4
    lines = []
    for row, (name, state, node, clock, detail) in zip(shown.rows, cells, strict=True):
        line = Text(f"{name:<{widths[0]}}  ", no_wrap=True)
        line.append(f"{state:<{widths[1]}}", style=sign(row.state)[1])
        line.append(f"  {node:<{widths[2]}}  {clock:>{widths[3]}}  {detail}".rstrip())
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    rest = [Text(one_line(shown.rest), no_wrap=True, overflow="ellipsis")] if shown.rest else []
    return Group(*lines, *rest, Text(one_line(frame.summary), style="bold", no_wrap=True))


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    state = one_line(row.state)
    if speaks_unicode(sys.stderr):
        state = f"{sign(row.state)[0]} {state}"
    detail = one_line(row.detail)
    if row.share is not None:
        detail = f"{bar(row.share)} {detail}"
    return one_line(row.name), state, one_line(row.node), _clock(row.seconds), detail


def bar(share: float, cells: int = BAR_CELLS) -> str:
    """Return a bar of that length: `[########            ]`."""
    full = round(share * cells)
    return f"[{'#' * full}{' ' * (cells - full)}]"


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f}s"
    return f"{int(seconds // 60)}m{int(seconds % 60):02d}s"
