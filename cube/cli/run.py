"""`cube run`: a task file or an image, and the wait until it works."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from typer._click import Context  # typer's own copy of click; it has no public name
from typer.core import TyperCommand, TyperOption

from cube.cli import spec_flags as flags
from cube.cli.attach import AttachOption, attach_one, check_flags
from cube.cli.deploy import DetachOption, TimeoutOption, Waiting, WaitOption, finish, first_failure
from cube.cli.displays import Progress, ProgressOption
from cube.cli.source import document_to_send, is_file, tasks_from
from cube.cli.target import ManagerOption, connect
from cube.wire.taskfile import Incoming

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class RunCommand(TyperCommand):
    """Takes flags on both sides of the image; the next plain word begins the container's command."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse, with what belongs to the container set apart by `--`."""
        with_value = {
            name
            for option in self.params
            if isinstance(option, TyperOption) and not option.is_flag
            for name in option.opts
        }
        return super().parse_args(ctx, set_command_apart(args, with_value))


What = Annotated[
    str, typer.Argument(metavar="FILE|-|IMAGE", help="A task file, - for stdin, or an image.")
]
Command = Annotated[
    list[str], typer.Argument(metavar="[COMMAND...]", help="Runs instead of the image's own.")
]


@app.command(cls=RunCommand)
def run(
    ctx: typer.Context,
    what: What = "",
    command: Command = [],  # noqa: B006 - typer never changes a default, here and below
    file: Annotated[str, typer.Option("-f", "--file", metavar="FILE", help="A task file.")] = "",
    manager: ManagerOption = "",
    detach: DetachOption = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print the id only.")] = False,
    progress: ProgressOption = Progress.AUTO,
    wait: WaitOption = False,
    timeout: TimeoutOption = "",
    attach: AttachOption = False,
    interactive: Annotated[bool, typer.Option("-i", "--interactive", hidden=True)] = False,
    tty: Annotated[bool, typer.Option("-t", "--tty", hidden=True)] = False,
    name: flags.Name = "",
    publish: flags.Publish = [],  # noqa: B006
    env: flags.Env = [],  # noqa: B006
    cpus: flags.Cpus = "",
    memory: flags.Memory = "",
    replicas: flags.Replicas = None,
    restart: flags.Restart = "",
    pull: flags.Pull = "",
    health_cmd: flags.HealthCommand = "",
    health_http: flags.HealthHttp = "",
    extra: flags.Extra = [],  # noqa: B006
    constraint: flags.Constraint = [],  # noqa: B006
    label: flags.Label = [],  # noqa: B006
    volume: flags.VolumeFlag = [],  # noqa: B006
    mount: flags.MountFlag = [],  # noqa: B006
    device: flags.DeviceFlag = [],  # noqa: B006
    network: flags.NetworkFlag = "",
    privileged: flags.Privileged = False,
    workdir: flags.Workdir = "",
    user: flags.User = "",
    entrypoint: flags.Entrypoint = "",
    strategy: flags.Strategy = "",
    priority: flags.Priority = None,
    preempt: flags.Preempt = False,
    platform: flags.Platform = "",
    stop_signal: flags.StopSignal = "",
    stop_timeout: flags.StopTimeout = "",
) -> int:
    """Run a task file or an image and wait until it works.

    Flags stand around the image or change what a file says; the next plain word begins the command.

    \b
    Examples:
      cube run web.toml
      cube run -p 8080:80 --replicas 2 nginx:1.27
      cube run busybox --name hello echo -n hello
    """
    check_flags(attach=attach, detach=detach, terminal=interactive or tty)
    run_once(ctx.params, when=attach and not restart and not is_file(file or what))
    waiting = Waiting.of(
        detach=detach, quiet=quiet, progress=progress, wait_for_room=wait, timeout=timeout
    )
    tasks = tasks_from(what, file, flags.document_of(ctx.params, os.environ))
    return submit(manager, tasks, waiting, attach=attach)


def submit(manager: str, tasks: list[Incoming], waiting: Waiting, *, attach: bool) -> int:
    """Send the tasks, wait for them or attach to the one, and return the exit code."""
    with connect(manager) as client:
        if attach:
            quiet, wait_for_room = waiting.quiet, waiting.wait_for_room
            return attach_one(client, tasks, quiet=quiet, wait_for_room=wait_for_room)
        submitted = [client.submit(document_to_send(task)) for task in tasks]
        return first_failure(finish(client, task, waiting) for task in submitted)


def run_once(params: dict[str, Any], *, when: bool) -> None:
    """Set the flag that keeps a container from being started again: what is watched runs once, as docker's."""
    if when:
        params["restart"] = "never"


def set_command_apart(args: list[str], with_value: set[str]) -> list[str]:
    """Return the arguments with `--` before the second plain word: the container's command."""
    words = 0
    position = 0
    while position < len(args):
        arg = args[position]
        if arg == "--":
            return args
        if not arg.startswith("-") or arg == "-":
            words += 1
            if words == 2:
                return [*args[:position], "--", *args[position:]]
        elif _takes_next(arg, with_value):
            position += 1
        position += 1
    return args


def _takes_next(arg: str, with_value: set[str]) -> bool:
    if arg.startswith("--"):
        return arg in with_value
    for index, letter in enumerate(arg[1:], start=1):
        if f"-{letter}" in with_value:  # -p 80 takes the next, -p80 has its value with it
            return index == len(arg) - 1
    return False
