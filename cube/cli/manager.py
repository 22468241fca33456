"""`cube manager start`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cube.cli.daemon import LogLevel, LogLevelOption, data_directory, serve
from cube.cli.output import note
from cube.settings import ManagerSettings

DEFAULTS = ManagerSettings()

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def group() -> None:
    """The manager admits tasks, decides where they run, and remembers."""


@app.command()
def start(
    host: Annotated[
        str, typer.Option("-H", "--host", envvar="CUBE_MANAGER_HOST", help="Address to listen on.")
    ] = DEFAULTS.host,
    port: Annotated[
        int,
        typer.Option(
            "-p", "--port", envvar="CUBE_MANAGER_PORT", min=0, max=65535, help="Port to listen on."
        ),
    ] = DEFAULTS.port,
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="CUBE_MANAGER_DATA", help="Where the ledger is kept."),
    ] = None,
    strategy: Annotated[
        str, typer.Option("-s", "--strategy", envvar="CUBE_STRATEGY", help="How nodes are picked.")
    ] = DEFAULTS.strategy,
    log_level: LogLevelOption = LogLevel.INFO,
) -> int:
    """Start a manager and serve until SIGTERM or Ctrl-C."""
    # aiohttp takes 0.3 s to import: after the flags were found good, not before.
    from cube import log
    from cube.manager.app import Manager

    log.configure(log_level)
    settings = ManagerSettings(
        host=host, port=port, data=data or data_directory("manager"), strategy=strategy
    )
    manager = Manager(settings)
    return serve(
        [manager],
        ready=lambda: note(f"cube manager on {host}:{manager.port}, data in {settings.data}"),
        broken=manager.run,
    )
