"""`cube audit`: who did what, and whether the record of it is whole."""

from __future__ import annotations

from typing import Annotated

import typer

from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, lines, note, show_data, show_table
from cube.cli.tables import Cell, Table
from cube.cli.target import ManagerOption, connect
from cube.wire.access_views import AuditView

LimitOption = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=1000, help="So many of the newest.")
]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def audit(
    ctx: typer.Context,
    limit: LimitOption = 50,
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
) -> int:
    """Show who did what, the newest last. Who was turned away is there, too."""
    ctx.obj = manager
    if ctx.invoked_subcommand is not None:
        return Exit.DONE
    with connect(manager) as client:
        found = client.audit(limit=limit)
    if format in (Format.JSON, Format.YAML):
        show_data(found, format)
    else:
        show_table(_table(found))
    return Exit.DONE


@app.command("verify")
def verify(
    ctx: typer.Context, manager: ManagerOption = "", format: FormatOption = Format.TABLE
) -> int:
    """Go along the chain of the audit: whether an entry was changed or taken out."""
    with connect(manager or ctx.obj) as client:
        found = client.check_audit()
    if format in (Format.JSON, Format.YAML):
        show_data(found, format)
    elif found.whole:
        lines([f"whole: {found.entries} entries, {found.first} to {found.last}"])
        note(f"the newest link is {found.head}; who keeps it elsewhere notices a forged chain, too")
    else:
        lines([f"broken: {found.fault}"])
    return Exit.DONE if found.whole else Exit.FAILED


def _table(entries: list[AuditView]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(str(one.number)),
            Cell(f"{one.at:%Y-%m-%d %H:%M:%S}"),
            Cell(f"{one.name} ({one.principal})" if one.name else one.principal or "nobody known"),
            Cell(one.address),
            Cell(one.action),
            Cell(one.object),
            Cell(f"{one.outcome} x {one.count}" if one.count > 1 else str(one.outcome)),
            Cell(str(one.revision)),
        )
        for one in entries
    ]
    columns = ("NUMBER", "TIME", "WHO", "FROM", "ACTION", "OBJECT", "OUTCOME", "REVISION")
    return Table(columns, rows)
