"""`cube manager start`, and the care of its ledger."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cube.cli.daemon import (
    LogFormatOption,
    LogLevel,
    LogLevelOption,
    announce,
    data_directory,
    importing,
    serve,
)
from cube.cli.exits import Exit
from cube.cli.output import lines, note
from cube.cli.target import ManagerOption, connect
from cube.cli.words import size
from cube.errors import CubeError, LedgerHeld, ManagerAway
from cube.log import LogFormat
from cube.settings import ManagerSettings

if TYPE_CHECKING:  # it takes SQLite with it, which the other commands do without
    from cube.manager.offline import Restored
    from cube.wire.views import BackupView

DEFAULTS = ManagerSettings()

Host = Annotated[
    str,
    typer.Option(
        "-H",
        "--host",
        envvar="CUBE_MANAGER_HOST",
        help="Address to listen on; with TLS when others reach it.",
    ),
]
Advertise = Annotated[
    list[str],
    typer.Option(
        "--advertise", metavar="NAME", help="Name or address that others dial; repeatable."
    ),
]
Port = Annotated[
    int,
    typer.Option(
        "-p", "--port", envvar="CUBE_MANAGER_PORT", min=0, max=65535, help="Port to listen on."
    ),
]
JoinLine = Annotated[
    bool,
    typer.Option(
        "--join-line", help="Print the line by which a worker joins; done on a terminal anyway."
    ),
]
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
    host: Host = DEFAULTS.host,
    advertise: Advertise = [],  # noqa: B006 - typer never changes a default
    port: Port = DEFAULTS.port,
    data: DataOption = None,
    strategy: Annotated[
        str, typer.Option("-s", "--strategy", envvar="CUBE_STRATEGY", help="How nodes are picked.")
    ] = DEFAULTS.strategy,
    join_line: JoinLine = False,
    certificate_life: Annotated[
        float, typer.Option(envvar="CUBE_CERTIFICATE_SECONDS", hidden=True)
    ] = DEFAULTS.certificate_life,
    log_level: LogLevelOption = LogLevel.INFO,
    log_format: LogFormatOption = LogFormat.AUTO,
) -> int:
    """Start a manager and serve until SIGTERM or Ctrl-C."""
    # aiohttp takes 0.3 s to import: after the flags were found good, not before.
    with importing():
        from cube import log
        from cube.manager.app import Manager

    log.configure(log_level, format=log_format)
    settings = ManagerSettings(
        host=host,
        port=port,
        advertise=tuple(advertise),
        data=data or data_directory("manager"),
        strategy=strategy,
        certificate_life=certificate_life,
    )
    manager = Manager(settings)

    def ready() -> None:
        announce(f"cube manager on {host}:{manager.port}, data in {settings.data}")
        if manager.secure is not None and (join_line or sys.stdout.isatty()):
            _print_join_line(manager.port)

    return serve([manager], ready=ready, broken=manager.run)


@app.command()
def backup(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Put a copy of the backup here, too."),
    ] = None,
    manager: ManagerOption = "",
    data: DataOption = None,
) -> int:
    """Copy the ledger: asks the running manager, or reads its data where none runs."""
    made = _backup(manager, data)
    lines([made.path if file is None else str(_copy(Path(made.path), file))])
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


def _print_join_line(port: int) -> None:
    """Print, from a thread, how a worker joins: the manager is asked for a token as anybody on its machine is."""
    import threading

    from cube.cli.join_token import TTL, print_token

    def ask() -> None:
        try:
            with connect(f"127.0.0.1:{port}") as client:
                print_token(client.make_join_token(ttl=TTL, uses=1))
        except CubeError as error:
            note(f"no join line: {error.message}")

    threading.Thread(target=ask, name="join line", daemon=True).start()


def _backup(manager: str, data: Path | None) -> BackupView:
    """Have a manager make a backup. Without one where `data` is named, or where none was named and none answers."""
    from cube.manager import offline

    if data is None:
        try:
            with connect(manager) as client:
                return client.backup()
        except ManagerAway:
            if manager:
                raise
    try:
        return offline.backup(data or data_directory("manager"))
    except LedgerHeld:  # by a manager that is told to do it itself
        with connect(manager) as client:
            return client.backup()


def _copy(source: Path, target: Path) -> Path:
    """Copy the backup to the target, a file or a directory, and return where it is now. Whole or not at all."""
    import shutil

    if target.is_dir():
        target /= source.name
    if not source.is_file():
        raise CubeError(
            f"the backup is at {source} on the manager's machine, which is not this one",
            hint=f"copy it from there to {target}",
        )
    unfinished = target.with_name(f".{target.name}.part")
    try:
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)  # before anything is in it: a ledger holds secrets of tasks
        shutil.copyfile(source, unfinished)
        unfinished.replace(target)
    except OSError as error:
        raise CubeError(f"the backup {source} cannot be copied to {target}: {error}") from error
    return target


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
