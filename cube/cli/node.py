"""`cube node`: the machines, what is reserved on them, and whether they get more."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from cube.cli.amounts import duration_option
from cube.cli.deploy import TimeoutOption, WaitOption, first_failure
from cube.cli.displays import Display, Progress, ProgressOption, display_for
from cube.cli.draining import Draining, what_helps
from cube.cli.exits import Exit
from cube.cli.output import (
    Format,
    FormatOption,
    QuietOption,
    lines,
    note,
    show_data,
    show_list,
    show_table,
)
from cube.cli.resume import resumable
from cube.cli.tables import allocation_table, extras_text, labels_text, node_table
from cube.cli.target import ManagerOption, connect
from cube.cli.watch import watch_drain
from cube.cli.words import cores, size
from cube.client.manager import ManagerClient
from cube.model.node import Availability
from cube.wire.views import NodeView

LOST_SECONDS = 30.0  # a lease is 4 s, and longer in a large cluster

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="A node's name or id.")]
NodesArgument = Annotated[list[str], typer.Argument(metavar="NODE...", help="Names or ids.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def node(
    ctx: typer.Context,
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> int:
    """List nodes; show, drain, cordon, uncordon or remove one."""
    ctx.obj = manager  # `cube node -m HOST drain w1` and `cube node drain -m HOST w1` mean the same
    return _list(manager, format, quiet) if ctx.invoked_subcommand is None else Exit.DONE


@app.command("ls")
def ls(
    ctx: typer.Context,
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> int:
    """List the nodes."""
    return _list(manager or ctx.obj, format, quiet)


@app.command("show")
def show(
    ctx: typer.Context,
    ref: NodeArgument,
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
) -> int:
    """Show one node and what runs on it."""
    with connect(manager or ctx.obj) as client:
        found = client.node(ref)
        if format in (Format.JSON, Format.YAML):
            show_data(found, format)
        elif format is Format.NAME:
            lines([found.name])
        else:
            lines(_facts(found))
            tasks = client.tasks(node=found.id)
            allocations = [a for task in tasks for a in task.allocations if a.node_id == found.id]
            if allocations:
                lines([""])
                show_table(allocation_table(allocations, datetime.now(UTC)))
    return Exit.DONE


@app.command("drain")
def drain(
    ctx: typer.Context,
    refs: NodesArgument,
    manager: ManagerOption = "",
    detach: Annotated[bool, typer.Option("-d", "--detach", help="Do not wait.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    progress: ProgressOption = Progress.AUTO,
    deadline: Annotated[
        str,
        typer.Option("--deadline", metavar="DURATION", help="Stop what is left after: 10m, 1h."),
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Stop now what is there, moved or not.")
    ] = False,
    wait: WaitOption = False,
    timeout: TimeoutOption = "",
) -> int:
    """Move everything away and place nothing new there. Another replica is ready before one stops, where possible."""
    after = 0.0 if force else duration_option("--deadline", deadline)
    seconds = duration_option("--timeout", timeout)
    with connect(manager or ctx.obj) as client:
        for ref in refs:
            client.set_availability(ref, Availability.DRAINING, deadline=after)
        if detach:
            lines(refs)
            return Exit.DONE
        return first_failure(
            follow_drain(client, ref, display_for(progress, quiet), wait, seconds) for ref in refs
        )


@app.command("cordon")
def cordon(ctx: typer.Context, refs: NodesArgument, manager: ManagerOption = "") -> int:
    """Place nothing new there; what runs stays."""
    return _set(manager or ctx.obj, refs, Availability.CORDONED)


@app.command("uncordon")
def uncordon(ctx: typer.Context, refs: NodesArgument, manager: ManagerOption = "") -> int:
    """Use the node again."""
    return _set(manager or ctx.obj, refs, Availability.ACTIVE)


@app.command("rm")
def rm(
    ctx: typer.Context,
    refs: NodesArgument,
    manager: ManagerOption = "",
    force: Annotated[
        bool, typer.Option("--force", help="Give up the volumes that replicas wait for.")
    ] = False,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Deny their certificates first: they are cut off.")
    ] = False,
) -> int:
    """Forget nodes whose workers are not connected."""
    with connect(manager or ctx.obj) as client:
        for ref in refs:
            if revoke:
                client.revoke_node(ref)
                _until_gone(client, ref)
            client.remove_node(ref, force=force)
            lines([ref])
    return Exit.DONE


@app.command("revoke")
def revoke(ctx: typer.Context, refs: NodesArgument, manager: ManagerOption = "") -> int:
    """Deny the certificates of nodes and cut them off at once. A token lets them join again."""
    with connect(manager or ctx.obj) as client:
        for ref in refs:
            client.revoke_node(ref)
            lines([ref])
    return Exit.DONE


def _until_gone(client: ManagerClient, ref: str) -> None:
    """Wait until a node that was cut off counts as lost: before that it cannot be forgotten."""
    deadline = time.monotonic() + LOST_SECONDS
    while client.node(ref).condition != "lost" and time.monotonic() < deadline:
        time.sleep(0.2)


def follow_drain(
    client: ManagerClient, ref: str, display: Display, wait_for_room: bool, timeout: float | None
) -> int:
    """Wait until the node is empty, or say why it cannot be; return the exit code."""
    follower = Draining(time.monotonic(), wait_for_room=wait_for_room, timeout=timeout)
    words = f"{ref} goes on draining: `cube node drain {ref}` follows it, `cube node uncordon {ref}` ends it"
    with resumable(words):
        verdict, seen = watch_drain(client, ref, follower, display)
    if verdict.exit is Exit.DONE:
        lines([ref])
        return Exit.DONE
    note(f"cube: {verdict.message}")
    if verdict.exit is Exit.NOT_PLACED and seen is not None:
        for hint in what_helps(seen):
            note(f"hint: {hint}")
    return verdict.exit


def _list(manager: str, format: Format, quiet: bool) -> int:
    with connect(manager) as client:
        nodes = client.nodes()
        show_list(nodes, format, quiet, lambda wide: node_table(nodes, wide=wide))
        if not nodes and not quiet and format in (Format.TABLE, Format.WIDE):
            note("hint: no node has joined yet; start one with `cube worker start`")
    return Exit.DONE


def _set(manager: str, refs: list[str], availability: Availability) -> int:
    with connect(manager) as client:
        for ref in refs:
            client.set_availability(ref, availability)
            lines([ref])
    return Exit.DONE


def _facts(node: NodeView) -> list[str]:
    reserved, capacity = node.reserved, node.capacity
    facts = {
        "name": node.name,
        "id": node.id,
        "state": f"{node.condition}, {node.availability}",
        "reason": node.quarantine or node.runtime_error,
        "address": node.address,
        "platform": node.platform,
        "engine": f"{node.runtime} {node.engine_version}".strip(),
        "cube": node.cube_version,
        "cpu": f"{cores(reserved.cpu_millis)} of {cores(capacity.cpu_millis)} cores reserved",
        "memory": f"{size(reserved.memory_bytes)} of {size(capacity.memory_bytes)} reserved",
        "extras": extras_text(node.extras, node.extras_reserved_millis),
        "labels": labels_text(node.labels),
        "joined": f"{node.joined_at:%Y-%m-%d %H:%M:%S} UTC",
    }
    return [f"{key + ':':<13}{value}" for key, value in facts.items() if value]
