"""Waiting for what was just asked for, and telling how it ended: run, apply, scale, restart and rollback."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated, Self

import msgspec
import typer

from cube.cli.amounts import duration_option
from cube.cli.displays import Display, Progress, display_for
from cube.cli.exits import Exit
from cube.cli.follow import Deployment, Verdict
from cube.cli.logs import line_writer
from cube.cli.output import lines, note
from cube.cli.resume import resumable
from cube.cli.tables import port_text
from cube.cli.watch import watch_task
from cube.client.manager import ManagerClient
from cube.errors import CubeError
from cube.wire.views import TaskDetail, TaskView

LAST_LOG_LINES = 20

DetachOption = Annotated[bool, typer.Option("-d", "--detach", help="Do not wait; print the id.")]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Go on waiting when no node has room now.")
]
TimeoutOption = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="Wait at most that long: 90s, 5m.")
]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """How the user wants to wait."""

    detach: bool
    quiet: bool
    progress: Progress
    wait_for_room: bool
    timeout: float | None

    @classmethod
    def of(
        cls, *, detach: bool, quiet: bool, progress: Progress, wait_for_room: bool, timeout: str
    ) -> Self:
        """Read the flags."""
        return cls(
            detach=detach,
            quiet=quiet or progress is Progress.QUIET,
            progress=progress,
            wait_for_room=wait_for_room,
            timeout=duration_option("--timeout", timeout),
        )

    def display(self) -> Display:
        """Return where progress is to be shown."""
        return display_for(self.progress, self.quiet)


def finish(
    client: ManagerClient,
    task: TaskView,
    waiting: Waiting,
    *,
    replaced: frozenset[str] = frozenset(),
) -> int:
    """Wait for the task, print its addresses or why it does not work, and return the exit code.

    Interrupting the wait leaves the task as it is.
    """
    if waiting.detach:
        lines([task.id])
        return Exit.DONE
    follower = Deployment(
        time.monotonic(),
        replaced=replaced,
        wait_for_room=waiting.wait_for_room,
        timeout=waiting.timeout,
    )
    name = task.name
    with resumable(f"{name} goes on: `cube wait {name}` follows it, `cube stop {name}` ends it"):
        verdict, seen = watch_task(client, task.id, name, follower, waiting.display())
    if verdict.exit is not Exit.DONE:
        _explain(client, task, verdict)
    elif waiting.quiet:
        lines([task.id])
    elif seen is not None:
        if waiting.progress is not Progress.JSON:
            note(verdict.message)
        lines(addresses(seen))
    return verdict.exit


def first_failure(codes: Iterable[int]) -> int:
    """Wait for each in turn, whatever became of those before; return the first code but 0."""
    return next(filter(None, list(codes)), Exit.DONE)


def addresses(task: TaskDetail) -> list[str]:
    """Return where each running slot is: `web.1 on w1: 0.0.0.0:49153->80/tcp`."""
    running = sorted((a for a in task.allocations if a.ready), key=lambda a: a.slot)
    return [f"{a.name} on {a.node}: {port_text(a) or 'running'}" for a in running]


def _explain(client: ManagerClient, task: TaskView, verdict: Verdict) -> None:
    note(f"cube: {verdict.message}")
    if verdict.slot:
        _last_words(client, task, verdict.slot)
    if verdict.exit is Exit.NOT_PLACED:
        note(f"hint: it starts as soon as a node fits; `cube stop {task.name}` takes it back")
    elif task.revision > 1:
        note(
            f"hint: `cube rollback {task.name}` goes back to what it was, "
            f"`cube status {task.name}` shows more"
        )
    else:
        note(f"hint: `cube status {task.name}` shows more, `cube stop {task.name}` removes it")


def _last_words(client: ManagerClient, task: TaskView, slot: str) -> None:
    """Show the end of the log that explains a failure; not having one is no second failure."""
    write = line_writer(prefix=True, timestamps=False, colour=False, safe=True)
    try:
        for record in client.logs(task.id, tail=LAST_LOG_LINES):
            if record.name == slot and not record.warning:
                note("  " + write(record).rstrip("\n"))
    except CubeError as err:
        note(f"  (no log: {err.message})")
