"""`cube status`: the cluster in one screen with what is wrong first, or one task with all that is known of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from cube.cli.again import draw_again
from cube.cli.attention import attention_table, without_told
from cube.cli.exits import Exit
from cube.cli.output import (
    Format,
    FormatOption,
    QuietOption,
    broken,
    lines,
    note,
    on_terminal,
    show_data,
    show_list,
    show_page,
    show_table,
)
from cube.cli.selection import (
    TASK_STATES,
    UNREADY,
    is_pattern,
    select_tasks,
    states_option,
    unmatched,
)
from cube.cli.tables import Table, overview, task_table, visible
from cube.cli.target import ManagerOption, connect
from cube.cli.task_page import task_page
from cube.client.manager import ManagerClient
from cube.model.concern import Concern
from cube.wire.views import TaskDetail, TaskView

EVENTS_SENT_ALONG = 20  # with a task; a longer story is asked for
EVENTS_MOST = 1000  # of which the timeline is made

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Selection(msgspec.Struct, frozen=True):
    """Which tasks are wanted."""

    names: list[str]
    states: frozenset[str]
    node: str
    labels: list[str]
    over_too: bool

    @property
    def narrow(self) -> bool:
        """Whether some are left out that people would see otherwise."""
        return bool(self.names or self.states or self.node or self.labels)


@app.command()
def status(
    names: Annotated[
        list[str],
        typer.Argument(metavar="[TASK]...", help="One task in full; several, or 'web*': a list."),
    ] = [],  # noqa: B006 - typer never changes a default
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    all_: Annotated[
        bool, typer.Option("-a", "--all", help="Also tasks that were stopped.")
    ] = False,
    state: Annotated[
        list[str],
        typer.Option("-s", "--state", metavar="STATE[,…]", help="Only these: failed,unready."),
    ] = [],  # noqa: B006 - typer never changes a default
    node: Annotated[
        str, typer.Option("-n", "--node", metavar="NODE", help="Only those with work there.")
    ] = "",
    label: Annotated[
        list[str],
        typer.Option("-l", "--label", metavar="KEY[=VALUE]", help="Only these; repeatable."),
    ] = [],  # noqa: B006 - typer never changes a default
    watch: Annotated[
        bool, typer.Option("-w", "--watch", help="Show it again at each change.")
    ] = False,
) -> int:
    """Show the cluster, or one task with its slots and events.

    `cube describe` and `cube status` are one command.
    """
    states = states_option("--state", state, (*TASK_STATES, UNREADY))
    wanted = Selection(names, states, node, label, all_ or "stopped" in states)
    one = names[0] if len(names) == 1 and not is_pattern(names[0]) else ""
    with connect(manager) as client:

        def draw() -> None:
            if one:
                _show_one(client, client.task(one), format, quiet)
            else:
                _show_all(client, format, quiet, wanted)

        if watch:
            draw_again(client, draw)
        draw()
    return Exit.DONE


def _show_all(client: ManagerClient, format: Format, quiet: bool, wanted: Selection) -> None:
    every = client.tasks(node=wanted.node or None)
    tasks: list[TaskView] = every if wanted.over_too else visible(every)
    if wanted.narrow:
        # What is no whole name may be the beginning of an id; else the manager says what is near.
        ids = [client.task(name).id for name in unmatched(wanted.names, every)]
        names = (*wanted.names, *ids)
        tasks = select_tasks(tasks, names=names, states=wanted.states, labels=wanted.labels)
    now = datetime.now(UTC)
    found: Sequence[Concern] = ()
    if not (quiet or wanted.narrow) and format in (Format.TABLE, Format.WIDE):
        found = _show_cluster(client, tasks)

    def table(wide: bool) -> Table:
        if wide or not on_terminal(sys.stdout):
            return task_table(tasks, now, wide=wide)
        rest = without_told(found, tasks)
        shown = task_table(rest, now)
        return shown if any(task.reason for task in rest) else shown.without("REASON")

    show_list(tasks, format, quiet, table)


def _show_cluster(client: ManagerClient, tasks: list[TaskView]) -> Sequence[Concern]:
    """Tell on stderr how the cluster stands and what is wrong, the worst first."""
    nodes, attention = client.nodes(), client.attention()
    gap = "\n" if on_terminal(sys.stderr) else ""
    note(broken(overview(tasks, nodes, str(client.address)), sys.stderr) + gap)
    if attention.concerns:
        show_table(attention_table(attention), aside=True)
        if gap:
            note("")
    return attention.concerns


def _show_one(client: ManagerClient, task: TaskDetail, format: Format, quiet: bool) -> None:
    if quiet:
        lines([task.id])
    elif format is Format.NAME:
        lines([task.name])
    elif format in (Format.JSON, Format.YAML):
        show_data(task, format)
    else:
        events = task.events
        if len(events) >= EVENTS_SENT_ALONG:
            events = tuple(client.events(task=task.id, limit=EVENTS_MOST))
        show_page(task_page(task, events, datetime.now(UTC)))
