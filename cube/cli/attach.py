"""`cube run --attach`: the output of a task's one container from its first byte, and its exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cube.cli import follow
from cube.cli.displays import Lines, Silent
from cube.cli.exits import Exit
from cube.cli.follow import Verdict
from cube.cli.output import note, safe
from cube.cli.source import document_to_send
from cube.cli.watch import watch_task
from cube.client.manager import ManagerClient
from cube.errors import CubeError, InvalidInput, Objection
from cube.model.allocation import FailureKind
from cube.model.task import Goal, TaskState
from cube.wire.taskfile import Incoming
from cube.wire.views import AllocationView, TaskDetail, TaskView

BEGUN = frozenset({"running", "exited", "completed", "failed"})
ENDED = frozenset({"completed", "failed"})

AttachOption = Annotated[
    bool,
    typer.Option("-a", "--attach", help="Show its output and return its exit code; runs once."),
]


class Beginning:
    """Follows a task until its container has run, or cannot. Pure, as what `cube run` waits by."""

    def __init__(self, *, wait_for_room: bool) -> None:
        self.verdict: Verdict | None = None
        self._wait_for_room = wait_for_room
        self._task: TaskView | None = None
        self._waiting_since: float | None = None
        self._told = ""

    def see(self, task: TaskView | None, now: float) -> list[str]:
        """Take in a view; return what there is to say of the way to the start."""
        self._task = task
        if task is None or task.goal is Goal.STOP:
            self.verdict = Verdict(Exit.NOT_STARTED, "the task was stopped by someone else")
            return []
        if task.state is TaskState.FAILED or any(a.phase in BEGUN for a in task.allocations):
            self.verdict = Verdict(Exit.DONE, "begun")
            return []
        return self._news(task) + self.tick(now)

    def tick(self, now: float) -> list[str]:
        """Judge again because time has passed."""
        waiting = self._task.waiting if self._task is not None else ()
        if self.verdict is not None or not waiting or self._wait_for_room:
            self._waiting_since = None
            return []
        self._waiting_since = now if self._waiting_since is None else self._waiting_since
        if now - self._waiting_since >= follow.GRACE_SECONDS:
            message = f"{waiting[0].name} cannot be placed now: {waiting[0].reason}"
            self.verdict = Verdict(Exit.NOT_STARTED, message)
        return []

    def _news(self, task: TaskView) -> list[str]:
        telling = (a.reason for a in task.allocations if a.phase == "pulling" or a.failure)
        told = next(telling, "")
        if told in ("", self._told):
            return []
        self._told = told
        return [f"{task.name}: {told}"]


def attach(client: ManagerClient, task: TaskView, *, quiet: bool, wait_for_room: bool) -> int:
    """Write what the container writes and return its exit code; 125 to 127 where it could not start.

    Interrupting leaves the task as it is.
    """
    try:
        display = Silent() if quiet else Lines()
        beginning = Beginning(wait_for_room=wait_for_room)
        verdict, _ = watch_task(client, task.id, task.name, beginning, display)
        if verdict.exit is not Exit.DONE:
            note(f"cube: {verdict.message}")
            note(f"hint: `cube stop {task.name}` takes it back, --wait waits for room")
            return verdict.exit
        _write_log(client, task.id)
        return exit_code(client.task(task.id))
    except KeyboardInterrupt:
        note(
            f"\n{task.name} goes on: `cube logs -f {task.name}` shows what it writes, "
            f"`cube stop {task.name}` ends it"
        )
        return Exit.INTERRUPTED


def attach_one(
    client: ManagerClient, tasks: Sequence[Incoming], *, quiet: bool, wait_for_room: bool
) -> int:
    """Submit the one task and attach to it. InvalidInput where its output would be that of several containers."""
    count = sum(task.spec.replicas for task in tasks)
    if count != 1:
        raise InvalidInput(
            (Objection("--attach", f"shows one container, and the task has {count}"),),
            hint="leave it out, and use `cube logs -f`",
        )
    task = client.submit(document_to_send(tasks[0]))
    return attach(client, task, quiet=quiet, wait_for_room=wait_for_room)


def check_flags(*, attach: bool, detach: bool, terminal: bool) -> None:
    """Object to what contradicts itself, and to docker's -i and -t. InvalidInput."""
    if terminal:
        raise InvalidInput(
            (Objection("-i, -t", "are not for `cube run`: a task has no stdin and no terminal"),),
            hint="start it, and get into it by `cube exec -it NAME sh`",
        )
    if attach and detach:
        raise InvalidInput((Objection("--attach", "contradicts --detach; leave out one"),))


def exit_code(task: TaskDetail) -> int:
    """Return the code that the newest container ended with, and say why where there is none."""
    newest = max(task.allocations, key=lambda a: a.generation, default=None)
    if newest is not None and newest.exit is not None and newest.phase in ENDED:
        return newest.exit.code
    note(f"cube: {_why(task, newest)}")
    if newest is None or newest.failure is None:
        return Exit.NOT_STARTED
    if newest.failure.kind is not FailureKind.COMMAND_NOT_FOUND:
        return Exit.NOT_STARTED
    missing = "not found" in newest.failure.message
    return Exit.COMMAND_NOT_FOUND if missing else Exit.NOT_EXECUTABLE


def _why(task: TaskDetail, newest: AllocationView | None) -> str:
    if newest is not None and newest.failure is not None:
        return newest.failure.message
    return task.reason or f"task {task.name} has ended without an exit code"


def _write_log(client: ManagerClient, task_id: str) -> None:
    try:
        for record in client.logs(task_id, follow=True):
            if record.warning:
                note(f"cube: {record.name} on {record.node}: {record.warning}")
                continue
            stream = sys.stderr if record.stream == "stderr" else sys.stdout
            text = safe(record.text, stream)
            stream.write(text if record.partial else f"{text}\n")
            stream.flush()
    except CubeError as error:
        note(f"cube: no more of its output: {error.message}")
