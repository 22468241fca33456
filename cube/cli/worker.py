"""`cube worker start`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cube.cli.amounts import extras_option, pairs_option
from cube.cli.daemon import LogLevel, LogLevelOption, data_directory, serve
from cube.cli.output import note
from cube.cli.target import ManagerOption, resolve
from cube.settings import WorkerSettings
from cube.wire.quantities import cores_millis, size

DEFAULTS = WorkerSettings()

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def group() -> None:
    """The worker runs containers on this machine as its manager says."""


Name = Annotated[
    str,
    typer.Option(
        "-n", "--name", envvar="CUBE_WORKER_NAME", help="The node's name; this host's by default."
    ),
]
Label = Annotated[
    list[str],
    typer.Option("-l", "--label", metavar="KEY=VALUE", help="For constraints; repeatable."),
]
Extra = Annotated[
    list[str],
    typer.Option("--extra", metavar="KIND=NUMBER", help="Devices it has: gpu=8; repeatable."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="CUBE_WORKER_DATA", help="Where its identity is kept."),
]
Host = Annotated[
    str, typer.Option("-H", "--host", envvar="CUBE_WORKER_HOST", help="Address of its own API.")
]
Port = Annotated[
    int,
    typer.Option(
        "-p", "--port", envvar="CUBE_WORKER_PORT", min=0, max=65535, help="Port of it; 0: any."
    ),
]
Docker = Annotated[
    str, typer.Option("--docker", metavar="URL", help="The engine; DOCKER_HOST by default.")
]
Cpu = Annotated[
    str, typer.Option("--cpu", metavar="CORES", help="What cube may hand out; all by default.")
]
Memory = Annotated[
    str, typer.Option("--memory", metavar="SIZE", help="What cube may hand out; all by default.")
]


@app.command()
def start(
    manager: ManagerOption = "",
    name: Name = "",
    label: Label = [],  # noqa: B006 - typer never changes a default
    extra: Extra = [],  # noqa: B006 - typer never changes a default
    data: Data = None,
    host: Host = DEFAULTS.host,
    port: Port = DEFAULTS.port,
    docker: Docker = "",
    cpu: Cpu = "",
    memory: Memory = "",
    log_level: LogLevelOption = LogLevel.INFO,
) -> int:
    """Start a worker and serve until SIGTERM or Ctrl-C. Containers keep running after it."""
    address = resolve(manager, os.environ)
    settings = WorkerSettings(
        manager_host=address.host,
        manager_port=address.port,
        host=host,
        port=port,
        data=data or data_directory("worker"),
        name=name,
        labels=pairs_option("--label", label),
        extras=extras_option("--extra", extra),
        docker=docker,
        cpu_millis=cores_millis(cpu, "--cpu") if cpu else 0,
        memory_bytes=size(memory, "--memory") if memory else 0,
    )
    from cube import log
    from cube.cli.assembly import worker_of

    log.configure(log_level)
    worker = worker_of(settings)
    return serve(
        [worker],
        ready=lambda: note(f"cube worker for {address}, own API on {host}:{worker.port}"),
    )
