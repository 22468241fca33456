"""`cube dev`: a manager and workers in one process on one engine, to try things out."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from cube.cli.daemon import LogFormatOption, LogLevel, LogLevelOption, serve
from cube.cli.displays import Silent
from cube.cli.follow import Removal
from cube.cli.output import note
from cube.cli.tables import state_word
from cube.cli.watch import watch_task
from cube.client.manager import ManagerClient
from cube.client.transport import Address
from cube.core.words import plural
from cube.errors import CubeError
from cube.log import LogFormat
from cube.settings import ManagerSettings, WorkerSettings

DEFAULTS = ManagerSettings()
LEAVING_SECONDS = 15.0  # containers that ignore SIGTERM take 10

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def dev(
    workers: Annotated[
        int, typer.Option("-w", "--workers", min=1, max=100, help="How many workers.")
    ] = 1,
    port: Annotated[
        int, typer.Option("-p", "--port", min=1, max=65535, help="The manager's port.")
    ] = DEFAULTS.port,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Keep state here; else it is temporary."),
    ] = None,
    docker: Annotated[
        str, typer.Option("--docker", metavar="URL", help="The engine; DOCKER_HOST by default.")
    ] = "",
    strategy: Annotated[
        str, typer.Option("-s", "--strategy", help="How nodes are picked.")
    ] = DEFAULTS.strategy,
    log_level: LogLevelOption = LogLevel.WARNING,
    log_format: LogFormatOption = LogFormat.AUTO,
) -> int:
    """Start a manager and workers in one process, to try things out."""
    from cube import log
    from cube.cli.assembly import worker_of
    from cube.manager.app import Manager

    log.configure(log_level, format=log_format)
    with ExitStack() as stack:
        temporary = data is None
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cube-dev-")))
        manager = Manager(ManagerSettings(port=port, data=data / "manager", strategy=strategy))
        each = worker_settings(workers, port, data, docker)
        return serve(
            [manager, *map(worker_of, each)],
            ready=lambda: note(welcome(workers, port, data, temporary)),
            broken=manager.run,
            leaving=(lambda: stop_everything(Address("127.0.0.1", port))) if temporary else None,
        )


def worker_settings(count: int, port: int, data: Path, docker: str) -> list[WorkerSettings]:
    """Return settings for that many workers w1, w2, … on one engine."""
    # Together they hand out what the machine has, so that placement behaves as on real hosts.
    cpu_millis = (os.cpu_count() or 1) * 1000 // count
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // count
    return [
        WorkerSettings(
            manager_port=port,
            port=0,
            data=data / f"w{number}",
            name=f"w{number}",
            labels={"dev": str(number)},
            docker=docker,
            cpu_millis=cpu_millis,
            memory_bytes=memory_bytes,
        )
        for number in range(1, count + 1)
    ]


def stop_everything(address: Address) -> None:
    """Stop all tasks: with the state gone, nobody would know whose containers these were."""
    deadline = time.monotonic() + LEAVING_SECONDS
    try:
        with ManagerClient(address) as client:
            leaving = [task for task in client.tasks() if state_word(task) != "stopped"]
            if leaving:
                note(f"stopping {plural(len(leaving), 'task')}; Ctrl-C again leaves them")
            for task in leaving:
                client.stop(task.id)
            for task in leaving:
                left = max(0.0, deadline - time.monotonic())
                follower = Removal(time.monotonic(), timeout=left)
                watch_task(client, task.id, task.name, follower, Silent())
    except CubeError as err:
        note(f"cube: not everything was stopped: {err.message}")


def welcome(workers: int, port: int, data: Path, temporary: bool) -> str:
    """Return what to do next."""
    at = "" if port == DEFAULTS.port else f" -m 127.0.0.1:{port}"
    end = "stops everything" if temporary else "ends it; containers go on running"
    return "\n".join(
        (
            f"cube is ready on 127.0.0.1:{port} with {plural(workers, 'worker')}; state in {data}",
            "",
            "In another terminal:",
            f"  cube run{at} --name hello busybox echo hello",
            f"  cube status{at}",
            f"  cube logs{at} hello",
            f"  cube node{at}",
            "",
            f"Ctrl-C {end}.",
        )
    )
