"""`cube manager start`, and the care of its ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cube.cli.daemon import LogLevel, LogLevelOption, data_directory, serve
from cube.cli.exits import Exit
from cube.cli.output import lines, note
from cube.cli.target import ManagerOption, connect
from cube.cli.words import size
from cube.errors import CubeError, LedgerHeld
from cube.settings import ManagerSettings

if TYPE_CHECKING:  # it takes SQLite with it, which the other commands do without
    from cube.manager.offline import Restored
    from cube.wire.views import BackupView

DEFAULTS = ManagerSettings()

DataOption = Annotated[
    Path | None,
    typer.Option("--data", envvar="CUBE_MANAGER_DATA", help="Where the ledger is kept."),
]

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
    data: DataOption = None,
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


@app.command()
def backup(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Put a copy of the backup here, too."),
    ] = None,
    manager: ManagerOption = "",
    data: DataOption = None,
) -> int:
    """Copy the ledger: asks the running manager, or reads --data where none runs on it."""
    made = None if manager else _backup_offline(data or data_directory("manager"))
    if made is None:
        with connect(manager) as client:
            made = client.backup()
    if file is not None:
        _copy(Path(made.path), file)
    lines([str(file or made.path)])
    note(f"revision {made.revision}, {size(made.bytes)}")
    return Exit.DONE


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    data: DataOption = None,
) -> int:
    """Put a backup in the place of the ledger. The manager must not run; what was there is kept."""
    from cube.manager import offline

    return _tell(offline.restore(data or data_directory("manager"), file))


@app.command()
def recover(
    accept: Annotated[
        bool,
        typer.Option("--accept", help="End the recovery of a running manager now."),
    ] = False,
    cluster: Annotated[
        str, typer.Option("--cluster", help="The cluster's id, where nothing tells it any more.")
    ] = "",
    manager: ManagerOption = "",
    data: DataOption = None,
) -> int:
    """Bring back a ledger that cannot be used: the last backup, and what the workers run."""
    from cube.manager import offline

    if accept:
        with connect(manager) as client:
            client.end_recovery()
        note("the recovery has ended: what is not on record is no longer waited for")
        return Exit.DONE
    restored = offline.recover(data or data_directory("manager"), cluster)
    if restored is None:
        note("the ledger is whole: there is nothing to recover")
        return Exit.DONE
    return _tell(restored)


def _backup_offline(data: Path) -> BackupView | None:
    """Make a backup without a manager; None where one runs."""
    from cube.manager import offline

    try:
        return offline.backup(data)
    except LedgerHeld:
        return None


def _copy(source: Path, target: Path) -> None:
    import shutil

    try:
        shutil.copyfile(source, target)
        target.chmod(0o600)
    except FileNotFoundError as error:
        raise CubeError(
            f"the backup is on the manager's machine, at {source}; it cannot be copied to {target}: {error.strerror}"
        ) from error
    except OSError as error:
        raise CubeError(f"the backup {source} cannot be copied to {target}: {error}") from error


def _tell(restored: Restored) -> int:
    for reason in restored.passed_over:
        note(f"not used: {reason}")
    if restored.aside is not None:
        note(f"the former ledger is kept in {restored.aside}")
    source = restored.backup or "no backup: a ledger that knows nothing but its cluster"
    lines([f"cluster {restored.cluster_id} at revision {restored.revision}, from {source}"])
    note(
        "start the manager: it puts on record what the workers run, and until all known nodes are here it "
        "places, removes and changes nothing; to go on without the missing: cube manager recover --accept"
    )
    return Exit.DONE
