"""`cube node`: the machines, what is reserved on them, and whether they get more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, NamedTuple

import typer

from cube.cli.again import draw_again
from cube.cli.amounts import duration_option
from cube.cli.deploy import TimeoutOption, WaitOption, first_failure
from cube.cli.displays import Display, Progress, ProgressOption, display_for
from cube.cli.draining import Draining, what_helps
from cube.cli.exits import Exit
from cube.cli.node_page import node_page
from cube.cli.output import (
    Format,
    FormatOption,
    QuietOption,
    lines,
    note,
    show_data,
    show_list,
    show_page,
)
from cube.cli.resume import resumable
from cube.cli.selection import NODE_STATES, select_nodes, states_option, unmatched
from cube.cli.tables import node_table
from cube.cli.target import ManagerOption, connect
from cube.cli.task_page import RECENT_EVENTS
from cube.cli.watch import watch_drain
from cube.client.manager import ManagerClient
from cube.model.node import Availability

LOST_SECONDS = 30.0  # a lease is 4 s, and longer in a large cluster

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="A node's name or id.")]
NodesArgument = Annotated[list[str], typer.Argument(metavar="NODE...", help="Names or ids.")]

WatchOption = Annotated[bool, typer.Option("-w", "--watch", help="Show it again at each change.")]


class Selection(NamedTuple):
    """Which nodes are wanted; nothing given: all."""

    names: Sequence[str] = ()
    states: frozenset[str] = frozenset()
    labels: Sequence[str] = ()


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
    if ctx.invoked_subcommand is not None:
        return Exit.DONE
    return _list(manager, format, quiet, Selection())


@app.command("ls")
def ls(
    ctx: typer.Context,
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    names: Annotated[
        list[str], typer.Argument(metavar="[NODE]...", help="Only these: names, ids, 'eu-*'.")
    ] = [],  # noqa: B006 - typer never changes a default
    state: Annotated[
        list[str],
        typer.Option("-s", "--state", metavar="STATE[,…]", help="Only these: lost,suspect."),
    ] = [],  # noqa: B006 - typer never changes a default
    label: Annotated[
        list[str],
        typer.Option("-l", "--label", metavar="KEY[=VALUE]", help="Only these; repeatable."),
    ] = [],  # noqa: B006 - typer never changes a default
    watch: WatchOption = False,
) -> int:
    """List the nodes."""
    wanted = Selection(names, states_option("--state", state, NODE_STATES), label)
    return _list(manager or ctx.obj, format, quiet, wanted, watch=watch)


@app.command("show")
def show(
    ctx: typer.Context,
    ref: NodeArgument,
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    watch: WatchOption = False,
) -> int:
    """Show one node: what is used and reserved, what runs on it, what happened to it."""
    with connect(manager or ctx.obj) as client:
        draw = partial(_show_one, client, ref, format)
        if watch:
            draw_again(client, draw)
        draw()
    return Exit.DONE


def _show_one(client: ManagerClient, ref: str, format: Format) -> None:
    found = client.node(ref)
    if format in (Format.JSON, Format.YAML):
        show_data(found, format)
    elif format is Format.NAME:
        lines([found.name])
    else:
        events = client.events(node=found.id, limit=RECENT_EVENTS)
        show_page(node_page(found, client.tasks(node=found.id), events, datetime.now(UTC)))


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


def _list(
    manager: str, format: Format, quiet: bool, wanted: Selection, *, watch: bool = False
) -> int:
    with connect(manager) as client:
        draw = partial(_show_all, client, format, quiet, wanted)
        if watch:
            draw_again(client, draw)
        draw()
    return Exit.DONE


def _show_all(client: ManagerClient, format: Format, quiet: bool, wanted: Selection) -> None:
    every = client.nodes()
    # What is no whole name may be the beginning of an id; else the manager says what is near.
    ids = [client.node(name).id for name in unmatched(wanted.names, every)]
    names = (*wanted.names, *ids)
    nodes = select_nodes(every, names=names, states=wanted.states, labels=wanted.labels)
    show_list(nodes, format, quiet, lambda wide: node_table(nodes, wide=wide))
    if not every and not quiet and format in (Format.TABLE, Format.WIDE):
        note("hint: no node has joined yet; start one with `cube worker start`")


def _set(manager: str, refs: list[str], availability: Availability) -> int:
    with connect(manager) as client:
        for ref in refs:
            client.set_availability(ref, availability)
            lines([ref])
    return Exit.DONE
