"""`cube debug -o bundle.tgz`: what helps somebody else to see what is wrong, without secrets."""

from __future__ import annotations

import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cube import __version__
from cube.cli.contexts import Contexts, context_path
from cube.cli.exits import Exit
from cube.cli.output import lines, note
from cube.cli.redaction import redacted, redacted_text
from cube.cli.target import ManagerOption, connect
from cube.client.manager import ManagerClient
from cube.errors import CubeError, ManagerAway

EVENTS = 1000
JOURNAL_SECONDS = 10.0
JOURNAL_LINES = 5000
BY_HAND = "add the log of the manager by hand"
TOP = "cube-debug"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def debug(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to write it.")
    ] = None,
    manager: ManagerOption = "",
) -> int:
    """Write a bundle that helps somebody else to see what is wrong.

    Holds versions, settings, tasks, nodes, events, statistics and logs. Values of variables, passwords and tokens are
    taken out; names of tasks, nodes and images, addresses and log lines are not.
    """
    path = output or Path(f"cube-debug-{datetime.now(UTC):%Y%m%d-%H%M%S}.tgz")
    parts: dict[str, bytes] = {}
    missing: list[str] = []
    for name, make in _sources(manager):
        try:
            parts[name] = make()
        except (CubeError, OSError, subprocess.SubprocessError) as err:
            missing.append(f"{name}: {err}")
    parts["CONTENTS.txt"] = contents(parts, missing).encode()
    _write(path, parts)
    lines([str(path)])
    note(parts["CONTENTS.txt"].decode().rstrip())
    return Exit.DONE


def contents(parts: dict[str, bytes], missing: list[str]) -> str:
    """Return what is inside, and what is not and why."""
    told = [
        f"{name:<16} {len(data):>9} bytes  {_ABOUT.get(name, '')}".rstrip()
        for name, data in parts.items()
    ]
    told += [redacted_text(f"left out: {why}") for why in missing]
    return "\n".join(told) + "\n"


_ABOUT = {
    "version.json": "of this command, Python, the system and the manager",
    "settings.json": "CUBE_* variables and contexts, without secrets",
    "stats.json": "counts, and how busy the manager is",
    "tasks.json": "tasks with slots; values of variables taken out",
    "nodes.json": "machines, what is reserved and used",
    "events.json": f"the newest {EVENTS}",
    "usage.json": "what containers use",
    "doctor.json": "the checks of `cube doctor`",
    "journal.log": "what the system's journal has of cube, today",
}


def _sources(flag: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield each file of the bundle with what makes it. What cannot be had is left out and told."""

    away: list[ManagerAway] = []

    def ask(question: Callable[[ManagerClient], Any]) -> Callable[[], bytes]:
        def make() -> bytes:
            if away:  # asking once takes long enough
                raise away[0]
            try:
                with connect(flag) as client:
                    return _json(question(client))
            except ManagerAway as error:
                away.append(error)
                raise

        return make

    yield "version.json", lambda: _json(_versions(flag))
    yield "settings.json", lambda: _json(_settings())
    yield "doctor.json", lambda: _json(_doctor(flag))
    yield "stats.json", ask(lambda client: client.stats())
    yield "tasks.json", ask(lambda client: client.tasks())
    yield "nodes.json", ask(lambda client: client.nodes())
    yield "events.json", ask(lambda client: client.events(limit=EVENTS))
    yield "usage.json", ask(lambda client: client.usage())
    yield "journal.log", _journal


def _versions(flag: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "at": datetime.now(UTC),
        "command": __version__,
        "python": sys.version,
        "system": platform.platform(),
    }
    try:
        with connect(flag) as client:
            found |= {"manager": client.version(), "address": str(client.address)}
    except CubeError as err:
        found["manager"] = err.message
    return found


def _settings() -> dict[str, Any]:
    contexts = Contexts(context_path(os.environ))
    return {
        "environment": {
            name: value for name, value in os.environ.items() if name.startswith("CUBE_")
        },
        "contexts": {name: contexts.get(name) for name in contexts.names()},
        "context": contexts.current(os.environ),
    }


def _doctor(flag: str) -> list[Any]:
    from cube.cli.doctor import check_all

    return list(check_all(flag))


def _journal() -> bytes:
    """Return what the journal of this machine has of cube's services."""
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        raise OSError(f"this machine has no journal; {BY_HAND}")
    command = [
        journalctl,
        "--unit=cube*",
        "--since=today",
        "--no-pager",
        f"--lines={JOURNAL_LINES}",
    ]
    told = subprocess.run(command, capture_output=True, timeout=JOURNAL_SECONDS, check=False)
    if told.returncode:
        why = told.stderr.decode(errors="replace").strip().partition("\n")[0].rstrip(".")
        raise OSError(f"this machine's journal cannot be read ({why}); {BY_HAND}")
    return redacted_text(told.stdout.decode(errors="replace")).encode()


def _json(value: Any) -> bytes:
    plain = redacted(msgspec.to_builtins(value))
    return msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n"


def _write(path: Path, parts: dict[str, bytes]) -> None:
    """Write the bundle, readable by its owner only. A file of that name is replaced."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as bundle:
        for name, data in parts.items():
            entry = tarfile.TarInfo(f"{TOP}/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
            bundle.addfile(entry, io.BytesIO(data))
