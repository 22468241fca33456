"""`cube dev`: a manager and workers in one process, on one engine or on simulated machines, to try things out."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from cube.cli.daemon import Daemon, LogFormatOption, LogLevel, LogLevelOption, serve
from cube.cli.displays import Silent
from cube.cli.follow import Removal
from cube.cli.output import note
from cube.cli.tables import state_word
from cube.cli.watch import watch_task
from cube.cli.worker import SIMULATED_CPU_MILLIS, SIMULATED_MEMORY_BYTES, SIMULATED_NAME
from cube.client.manager import ManagerClient
from cube.client.transport import Address
from cube.core.words import plural
from cube.errors import CubeError, InvalidInput, Objection
from cube.log import LogFormat
from cube.settings import ManagerSettings, WorkerSettings

DEFAULTS = ManagerSettings()
MOST_SIMULATED = 5_000  # more than one process serves as manager and workers at a time
LEAVING_SECONDS = 15.0  # containers that ignore SIGTERM take 10

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def dev(
    workers: Annotated[
        int, typer.Option("-w", "--workers", min=1, max=100, help="How many workers.")
    ] = 1,
    simulate: Annotated[
        int,
        typer.Option(
            "--simulate", metavar="N", min=0, max=MOST_SIMULATED, help="So many that run nothing."
        ),
    ] = 0,
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
    """Start a manager and workers in one process, to try things out.

    With --simulate the workers need no engine: they are machines that are only simulated, and what runs there, too.
    """
    from cube import log
    from cube.manager.app import Manager

    if simulate and workers > 1:
        message = "start workers on Docker, --simulate others instead; leave one of the two out"
        raise InvalidInput((Objection("--workers", message),))
    log.configure(log_level, format=log_format)
    with ExitStack() as stack:
        temporary = data is None
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cube-dev-")))
        manager = Manager(ManagerSettings(port=port, data=data / "manager", strategy=strategy))
        which = plural(simulate, "simulated worker") if simulate else plural(workers, "worker")
        stop = temporary and not simulate  # simulated containers end with the process
        return serve(
            [manager, *_workers(workers, simulate, port, data, docker)],
            ready=lambda: note(welcome(which, port, data, temporary or simulate > 0)),
            broken=manager.run,
            leaving=(lambda: stop_everything(Address("127.0.0.1", port))) if stop else None,
        )


def _workers(workers: int, simulate: int, port: int, data: Path, docker: str) -> Sequence[Daemon]:
    from cube.cli.assembly import Chances, fleet_of, worker_of

    if not simulate:
        return [worker_of(one) for one in worker_settings(workers, port, data, docker)]
    machine = WorkerSettings(
        manager_port=port,
        name=SIMULATED_NAME,
        cpu_millis=SIMULATED_CPU_MILLIS,
        memory_bytes=SIMULATED_MEMORY_BYTES,
    )
    return [fleet_of(machine, simulate, Chances())]


def worker_settings(count: int, port: int, data: Path, docker: str) -> list[WorkerSettings]:
    """Return settings for that many workers w1, w2, … on one engine."""
    from cube.worker.policy_file import load

    policy = load(None)
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
            policy=policy,
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


def welcome(workers: str, port: int, data: Path, ends: bool) -> str:
    """Return what to do next. `workers`: how many of which kind; `ends`: nothing runs on afterwards."""
    at = "" if port == DEFAULTS.port else f" -m 127.0.0.1:{port}"
    end = "stops everything" if ends else "ends it; containers go on running"
    return "\n".join(
        (
            f"cube is ready on 127.0.0.1:{port} with {workers}; state in {data}",
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
