"""`cube doctor`: looks at this machine and its manager, and says what to mend."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

import typer

from cube import __version__
from cube.cli import checkup
from cube.cli.address import located, parse_address
from cube.cli.checkup import Check, Verdict
from cube.cli.daemon import data_directory
from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, lines, note, show_data, show_table
from cube.cli.tables import Cell, Table
from cube.cli.target import ManagerOption
from cube.client.manager import ManagerClient
from cube.client.transport import Transport
from cube.core.words import plural
from cube.errors import CubeError
from cube.wire.routes import DEFAULT_MANAGER_PORT, DEFAULT_WORKER_PORT, HEALTHZ

KNOCK_SECONDS = 1.0  # on this machine
THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def doctor(manager: ManagerOption = "", format: FormatOption = Format.TABLE) -> int:
    """Check this machine and its manager, and say what mends it."""
    checks = list(check_all(manager))
    wrong = [check for check in checks if check.verdict is Verdict.FAIL]
    if format in (Format.JSON, Format.YAML):
        show_data(checks, format)
    elif format is Format.NAME:
        lines(check.name for check in wrong)
    else:
        show_table(doctor_table(checks))
        if wrong:
            note(f"cube: {plural(len(wrong), 'check')} failed")
    return Exit.FAILED if wrong else Exit.DONE


def doctor_table(checks: list[Check]) -> Table:
    """One row per check, and one more for each fix."""
    rows: list[tuple[Cell, ...]] = []
    for check in checks:
        rows.append((Cell(check.name), Cell(check.verdict, check.verdict), Cell(check.found)))
        if check.fix:
            rows.append((Cell(""), Cell(""), Cell(f"fix: {check.fix}")))
    return Table(("CHECK", "STATE", "MESSAGE"), rows)


def check_all(flag: str) -> Iterator[Check]:
    """Look at everything, the nearest first. No check fails another."""
    yield checkup.python(sys.version_info[:3])
    yield from _engine()
    for kind in ("manager", "worker"):
        path = data_directory(kind)
        yield checkup.directory(f"{kind} data", path, directory_state(path))
    yield from _manager(flag)
    manager, worker = ports(flag, os.environ)
    answers = {number: knock(number) for number in (manager, worker)}
    for name, number in (("manager", manager), ("worker", worker)):
        listening = listens(number)
        yield checkup.port(f"{name} port", number, answers[number], listening=listening)
    yield checkup.worker(worker, answers[worker])


def ports(flag: str, environ: Mapping[str, str]) -> tuple[int, int]:
    """Return where a manager and a worker of this machine listen, or would: as set, else as usual."""
    address = located(flag, environ)[0]
    manager = address.port if address.host in THIS_MACHINE else DEFAULT_MANAGER_PORT
    text = environ.get("CUBE_WORKER_PORT", "")
    _, worker = parse_address(f":{text}", "CUBE_WORKER_PORT") if text not in ("", "0") else ("", 0)
    return manager, worker or DEFAULT_WORKER_PORT


def _engine() -> Iterator[Check]:
    import asyncio  # with the engine's library 0.3 s, which only this command pays

    from cube.cli.assembly import inspect_engine

    try:
        url, report = asyncio.run(inspect_engine())
    except CubeError as err:
        yield checkup.no_engine(err)
        return
    yield checkup.engine(url, report.server_version, report.driver, report.cgroup_version)
    root = Path(report.docker_root_dir)
    if root.exists():  # an engine on another machine has its disk there
        usage = shutil.disk_usage(root)
        yield checkup.disk(str(root), usage.free, usage.total)


def _manager(flag: str) -> Iterator[Check]:
    address, source = located(flag, os.environ)
    try:
        with Transport(address) as transport:
            told = transport.read(HEALTHZ).headers.get("date", "")
            own = time.time()
        with ManagerClient(address) as client:
            version, recovering = client.version().version, client.recovering()
    except CubeError as err:
        yield checkup.no_manager(err, source)
        return
    yield checkup.manager(str(address), source, __version__, version, recovering)
    if told:
        yield checkup.clock(own - parsedate_to_datetime(told).timestamp())


def directory_state(path: Path) -> str:
    """Return how a directory stands towards this user: missing, writable, open to all, not writable."""
    if path.exists():
        if not os.access(path, os.W_OK | os.X_OK):
            return "not writable"
        return "open to all" if path.stat().st_mode & 0o007 else "writable"
    above = next(one for one in path.parents if one.exists())
    return "missing" if os.access(above, os.W_OK | os.X_OK) else "not writable"


def listens(number: int) -> bool:
    """Whether something listens on that port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(KNOCK_SECONDS)
        return probe.connect_ex(("127.0.0.1", number)) == 0


def knock(number: int) -> str | None:
    """Return what a cube process on that port says of its health; None where none answers."""
    connection = http.client.HTTPConnection("127.0.0.1", number, timeout=KNOCK_SECONDS)
    try:
        connection.request("GET", HEALTHZ)
        answer = connection.getresponse()
        body = answer.read(4096).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if answer.status in (200, 503) else None
