"""`cube plan`: what `cube apply` would change and where it would go, without doing it."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, lines, note, show_data, show_table
from cube.cli.placement_tables import field_table, step_table
from cube.cli.source import document_to_send, tasks_from
from cube.cli.target import ManagerOption, connect
from cube.wire.placement_views import PlanView

CHANGES = 1
"""The exit code for "there is something to do", as `nomad plan` and `terraform plan -detailed-exitcode` have one."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def plan(
    what: Annotated[
        str, typer.Argument(metavar="[FILE|-]", help="A task file, or - for stdin.")
    ] = "",
    file: Annotated[str, typer.Option("-f", "--file", metavar="FILE", help="A task file.")] = "",
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
) -> int:
    """Show what applying a task file would change, without doing it.

    Ends with 0 when nothing would change, 1 when something would, 2 when the file is not valid, 4 when a slot would
    find no place. Each task of a file is planned by itself, on the cluster as it is now.
    """
    tasks = tasks_from("", file or what, {})
    with connect(manager) as client:
        plans = [client.plan(task.spec.name, document_to_send(task)) for task in tasks]
    if format in (Format.JSON, Format.YAML):
        show_data(plans, format)
    elif format is Format.NAME:
        lines(one.task for one in plans if one.changed)
    else:
        for index, one in enumerate(plans):
            lines([""] if index else [])
            _show(one)
        note(_what_next(plans, file or what))
    return exit_code(plans)


def exit_code(plans: list[PlanView]) -> int:
    """Return the code for the worst of them: no place before changes before none."""
    changing = [one for one in plans if one.changed]
    if not all(one.fits for one in changing):
        return Exit.NOT_PLACED
    return CHANGES if changing else Exit.DONE


def _show(plan: PlanView) -> None:
    lines([_headline(plan)])
    if plan.fields:
        lines([""])
        show_table(field_table(plan.fields))
    if plan.changed and plan.slots:
        lines([""])
        show_table(step_table(plan))


def _headline(plan: PlanView) -> str:
    """Return `web: revision 3 would become 4: 1 create, 2 replace, 1 keep`."""
    if not plan.changed:
        return f"{plan.task}: nothing would change"
    counts = Counter(slot.action for slot in plan.slots)
    parts = ", ".join(f"{count} {action}" for action, count in counts.items())
    known = f"revision {plan.revision} would become {plan.revision + 1}"
    head = f"{plan.task}: {'would be created' if plan.new else known}"
    return f"{head}: {parts}" if parts else head


def _what_next(plans: list[PlanView], source: str) -> str:
    if not any(one.changed for one in plans):
        return "nothing to do"
    return f"nothing was changed; to do it: cube apply {source}"
