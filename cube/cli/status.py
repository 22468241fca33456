"""`cube status`: the cluster in one screen, or one task with all its slots."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cube.cli.exits import Exit
from cube.cli.output import (
    Format,
    FormatOption,
    QuietOption,
    lines,
    note,
    show_data,
    show_list,
    show_table,
)
from cube.cli.repeat import each_change, fresh_screen
from cube.cli.tables import (
    event_table,
    overview,
    slot_table,
    state_word,
    task_table,
    visible,
)
from cube.cli.target import ManagerOption, connect
from cube.cli.words import age, cores, size
from cube.client.manager import ManagerClient
from cube.model.extras import DEVICE
from cube.wire.views import TaskDetail, TaskView

RECENT_EVENTS = 10

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def status(
    name: Annotated[str, typer.Argument(help="A task's name or id; without it, all.")] = "",
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    all_: Annotated[
        bool, typer.Option("-a", "--all", help="Also tasks that were stopped.")
    ] = False,
    label: Annotated[
        str, typer.Option("-l", "--label", metavar="KEY=VALUE", help="Only these.")
    ] = "",
    watch: Annotated[
        bool, typer.Option("-w", "--watch", help="Show it again at each change.")
    ] = False,
) -> int:
    """Show the cluster, or one task with its slots and events."""
    with connect(manager) as client:
        for number, _ in enumerate(each_change(client) if watch else (None,)):
            if watch:
                fresh_screen(again=number > 0)
            if name:
                _show_one(client.task(name), format, quiet)
            else:
                _show_all(client, format, quiet, all_, label)
    return Exit.DONE


def _show_all(client: ManagerClient, format: Format, quiet: bool, all_: bool, label: str) -> None:
    every = client.tasks(label=label or None)
    tasks: list[TaskView] = every if all_ else visible(every)
    now = datetime.now(UTC)
    if not quiet and format in (Format.TABLE, Format.WIDE):
        note(overview(tasks, client.nodes(), str(client.address)))
        if recovering := client.recovering():
            note(recovering)
    show_list(tasks, format, quiet, lambda wide: task_table(tasks, now, wide=wide))


def _show_one(task: TaskDetail, format: Format, quiet: bool) -> None:
    if quiet:
        lines([task.id])
    elif format is Format.NAME:
        lines([task.name])
    elif format in (Format.JSON, Format.YAML):
        show_data(task, format)
    else:
        now = datetime.now(UTC)
        lines(_facts(task, now))
        if task.allocations or task.waiting:
            lines([""])
            show_table(slot_table(task, now))
        if task.events:
            lines([""])
            show_table(event_table(task.events[-RECENT_EVENTS:]))


def _facts(task: TaskDetail, now: datetime) -> list[str]:
    spec = task.spec
    reserved = [f"{cores(spec.cpu_millis)} cores" if spec.cpu_millis else ""]
    reserved += [f"{size(spec.memory_bytes)} memory" if spec.memory_bytes else ""]
    reserved += [f"{millis / DEVICE:g} {extra}" for extra, millis in spec.extras_millis.items()]
    facts = {
        "name": task.name,
        "id": task.id,
        "state": f"{state_word(task)}, {task.ready} of {task.replicas} ready",
        "reason": task.reason,
        "image": task.image,
        "command": " ".join(spec.command),
        "reserves": ", ".join(filter(None, reserved)),
        "constraints": ", ".join(spec.constraints),
        "restarts": f"{task.restarts}, policy {spec.restart}",
        "revision": f"{task.revision}, changed {age(task.changed_at, now)} ago",
        "created": f"{task.created_at:%Y-%m-%d %H:%M:%S} UTC, {age(task.created_at, now)} ago",
    }
    return [f"{key + ':':<13}{value}" for key, value in facts.items() if value]
