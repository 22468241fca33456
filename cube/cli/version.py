"""`cube version`: this command and the manager."""

from __future__ import annotations

from typing import Annotated

import typer

from cube import __version__
from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, lines, note, show_data
from cube.cli.target import ManagerOption, connect

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def version(
    manager: ManagerOption = "",
    client_only: Annotated[bool, typer.Option("--client", help="Ask no manager.")] = False,
    format: FormatOption = Format.TABLE,
) -> int:
    """Show the versions of this command and of the manager."""
    structured = format in (Format.JSON, Format.YAML)
    if client_only:
        if structured:
            show_data({"client": __version__, "manager": None}, format)
        else:
            lines([f"client   {__version__}"])
        return Exit.DONE
    if not structured:
        lines([f"client   {__version__}"])
    with connect(manager) as client:
        server = client.version()
        if structured:
            show_data({"client": __version__, "manager": server}, format)
        else:
            lines([f"manager  {server.version} at {client.address}, cluster {server.cluster_id}"])
        if server.version != __version__:
            note(f"note: the manager is {server.version}, this command {__version__}")
    return Exit.DONE
