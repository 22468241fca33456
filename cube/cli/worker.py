"""`cube worker start`."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from cube.cli.address import parse_address, resolve
from cube.cli.amounts import between_option, extras_option, pairs_option, share_option
from cube.cli.daemon import (
    LogFormatOption,
    LogLevel,
    LogLevelOption,
    announce,
    data_directory,
    serve,
)
from cube.cli.target import ManagerOption
from cube.client.transport import Address
from cube.errors import InvalidInput, Objection
from cube.log import LogFormat
from cube.model.policy import HostPolicy
from cube.settings import WorkerSettings
from cube.wire.quantities import cores_millis, size

DEFAULTS = WorkerSettings()

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def group() -> None:
    """The worker runs containers on this machine as its manager says."""


class RuntimeKind(StrEnum):
    """What runs the containers."""

    DOCKER = "docker"
    SIMULATED = "simulated"


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
Join = Annotated[
    str,
    typer.Option(
        "--join",
        metavar="HOST:PORT",
        help="A manager on another machine; the first time with --token. Remembered.",
    ),
]
Token = Annotated[
    str,
    typer.Option("--token", envvar="CUBE_JOIN_TOKEN", help="To join with; - reads it from stdin."),
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
Policy = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        envvar="CUBE_WORKER_POLICY",
        metavar="FILE",
        help="What tasks may have of this machine; /etc/cube/worker.toml by default.",
    ),
]


Runtime = Annotated[
    RuntimeKind, typer.Option("--runtime", help="What runs containers; simulated: nothing does.")
]
Count = Annotated[
    int, typer.Option("--count", min=1, max=20_000, help="Simulated: so many workers, NAME-1, ….")
]
StartTime = Annotated[
    str,
    typer.Option(
        "--start-time",
        metavar="TIME[..TIME]",
        help="Simulated: how long a container takes to start, drawn between the two.",
    ),
]
FailShare = Annotated[
    str,
    typer.Option(
        "--fail-share", metavar="SHARE", help="Simulated: runs that exit with code 1; 0.01 is 1 %."
    ),
]
FailAfter = Annotated[
    str, typer.Option("--fail-after", metavar="TIME", help="Simulated: how soon those exit.")
]
Seed = Annotated[
    int, typer.Option("--seed", help="Simulated: the same seed, the same times and failures.")
]


@app.command()
def start(
    manager: ManagerOption = "",
    join: Join = "",
    token: Token = "",
    name: Name = "",
    label: Label = [],  # noqa: B006 - typer never changes a default
    extra: Extra = [],  # noqa: B006 - typer never changes a default
    data: Data = None,
    host: Host = DEFAULTS.host,
    port: Port = DEFAULTS.port,
    docker: Docker = "",
    cpu: Cpu = "",
    memory: Memory = "",
    policy: Policy = None,
    runtime: Runtime = RuntimeKind.DOCKER,
    count: Count = 1,
    start_time: StartTime = "0ms",
    fail_share: FailShare = "0",
    fail_after: FailAfter = "1s",
    seed: Seed = 0,
    log_level: LogLevelOption = LogLevel.INFO,
    log_format: LogFormatOption = LogFormat.AUTO,
) -> int:
    """Start a worker and serve until SIGTERM or Ctrl-C. Containers keep running after it."""
    data = data or data_directory("worker")
    _check_kind(runtime, join, count)
    address = _manager(manager, join, token, data)
    settings = WorkerSettings(
        manager_host=address.host,
        manager_port=address.port,
        tls=address.tls,
        host=host,
        port=port,
        data=data,
        name=name,
        labels=pairs_option("--label", label),
        extras=extras_option("--extra", extra),
        docker=docker,
        cpu_millis=cores_millis(cpu, "--cpu") if cpu else 0,
        memory_bytes=size(memory, "--memory") if memory else 0,
        policy=_allowed(policy),
    )
    if runtime is RuntimeKind.SIMULATED:
        scripted = (start_time, fail_share, fail_after)
        return _simulate(settings, address, count, scripted, seed, (log_level, log_format))
    from cube import log
    from cube.cli.assembly import worker_of

    log.configure(log_level, format=log_format)
    worker = worker_of(settings)
    return serve(
        [worker],
        ready=lambda: announce(f"cube worker for {address}, own API on {host}:{worker.port}"),
    )


def _check_kind(runtime: RuntimeKind, join: str, count: int) -> None:
    """InvalidInput where an option does not go with what runs the containers."""
    if runtime is RuntimeKind.SIMULATED and join:
        message = "simulated workers are those of the manager's machine: leave it out"
        raise InvalidInput((Objection("--join", message),))
    if runtime is not RuntimeKind.SIMULATED and count > 1:
        message = "needs --runtime simulated: a machine has one worker"
        raise InvalidInput((Objection("--count", message),))


def _allowed(file: Path | None) -> HostPolicy:
    """Return what the machine's own file lets tasks have. InvalidInput names the line that is wrong."""
    from cube.worker.policy_file import load

    return load(file)


def _manager(manager: str, join: str, token: str, data: Path) -> Address:
    """Return where the worker dials: by TLS as it joined, or the manager of this machine. Joins first where asked."""
    if join:
        from cube.cli.joining import joined_manager

        if manager:
            raise InvalidInput((Objection("--join", "names the manager already: leave out -m"),))
        return joined_manager(*parse_address(join, "--join"), token, data)
    if token:
        raise InvalidInput((Objection("--token", "needs --join HOST:PORT"),))
    address = resolve(manager, os.environ)
    from cube.worker.credentials import Credentials

    before = None if manager else Credentials(data).joined()
    return address if before is None else Address(before.host, before.port, tls=True)


SIMULATED_NAME = "simulated"
SIMULATED_CPU_MILLIS, SIMULATED_MEMORY_BYTES = 64_000, 256 << 30  # of each, unless told


def _simulate(
    settings: WorkerSettings,
    address: Address,
    count: int,
    scripted: tuple[str, str, str],
    seed: int,
    logging: tuple[LogLevel, LogFormat],
) -> int:
    """Serve as many workers on machines that are only simulated."""
    from cube import log
    from cube.cli.assembly import Chances, fleet_of

    level, format = logging
    log.configure(level, format=format)
    start_time, fail_share, fail_after = scripted
    least, most = between_option("--start-time", start_time)
    chances = Chances(
        start_least=least,
        start_most=most,
        fail_share=share_option("--fail-share", fail_share),
        fail_after=between_option("--fail-after", fail_after)[0],
        seed=seed,
    )
    settings = replace(
        settings,
        name=settings.name or SIMULATED_NAME,
        cpu_millis=settings.cpu_millis or SIMULATED_CPU_MILLIS,
        memory_bytes=settings.memory_bytes or SIMULATED_MEMORY_BYTES,
    )
    named = f"{settings.name}-1 to {settings.name}-{count}"
    return serve(
        [fleet_of(settings, count, chances)],
        ready=lambda: announce(f"cube: {count} simulated workers for {address}, {named}"),
    )
