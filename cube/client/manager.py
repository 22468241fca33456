"""The manager's API as typed calls. Every method raises only errors of `cube.errors`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import msgspec

from cube.client.access import AccessCalls
from cube.client.logs import follow_log
from cube.client.stream import Feed
from cube.client.transport import Address, Query, Transport, segment, target
from cube.client.watch import Message, watch
from cube.errors import CubeError, Recovering
from cube.model.node import Availability
from cube.wire.account_views import AccountRequest, AccountView
from cube.wire.codec import decode_view
from cube.wire.placement_views import MoveView, PlanView, WhyView
from cube.wire.routes import (
    ATTENTION,
    BACKUPS,
    END_RECOVERY,
    EVENTS,
    HEALTHZ,
    NODES,
    READYZ,
    REBALANCE,
    REGISTRIES,
    SECRETS,
    STATS,
    TASKS,
    USAGE,
    VERSION,
)
from cube.wire.secret_views import SecretView
from cube.wire.views import (
    BackupView,
    DrainView,
    EventView,
    LogRecord,
    NodeView,
    StatsView,
    TaskDetail,
    TaskView,
    UsageView,
    VersionView,
)
from cube.wire.watch import AttentionView

PAGE = 1000  # tasks per answer: about a megabyte
CURSOR_HEADER = "x-next-cursor"


class ManagerClient(AccessCalls):
    """One manager. Names and unique id prefixes stand for tasks and nodes everywhere."""

    def __init__(self, address: Address, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.address = address
        self._sleep = sleep
        self._transport = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def tasks(
        self,
        *,
        state: str | None = None,
        node: str | None = None,
        label: str | None = None,
        name: str | None = None,
    ) -> list[TaskView]:
        """All tasks that fit, page after page. In a name `*` stands for any characters."""
        query: Query = {"state": state, "node": node, "label": label, "name": name}
        return [
            view
            for body in self._pages(TASKS[0], query)
            for view in decode_view(body, list[TaskView])
        ]

    def task(self, ref: str) -> TaskDetail:
        """One task with its recent events."""
        return decode_view(self._transport.read(_task(ref)).body, TaskDetail)

    def submit(self, document: Any) -> TaskView:
        """Create the task of this document. The same id and spec again change nothing."""
        return self._change("POST", TASKS[0], document)

    def apply(self, name: str, document: Any, *, if_revision: int | None = None) -> TaskView:
        """Make the task of that name be as the document says; with a revision only while it is at that one."""
        return self._change("PUT", _task(name), document, if_revision)

    def plan(self, name: str, document: Any) -> PlanView:
        """What `apply` would change. Changes nothing."""
        body = msgspec.json.encode(document)
        reply = self._transport.change("PUT", f"{_task(name)}?dry_run=1", body)
        return decode_view(reply.body, PlanView)

    def explain(self, ref: str, slot: int | None = None) -> WhyView:
        """Why it runs where it runs, or does not run: the whole task, or one slot."""
        query: Query = {"slot": slot}
        return decode_view(self._transport.read(f"{_task(ref)}/explain", query).body, WhyView)

    def stop(self, ref: str, *, if_revision: int | None = None) -> TaskView | None:
        """Stop it and remove its containers; None when nothing of it is left."""
        reply = self._transport.change("DELETE", _task(ref), headers=_if_match(if_revision))
        return decode_view(reply.body, TaskView) if reply.body else None

    def scale(self, ref: str, replicas: int, *, if_revision: int | None = None) -> TaskView:
        """Change how many of it run."""
        return self._change("POST", f"{_task(ref)}/scale", {"replicas": replicas}, if_revision)

    def restart(self, ref: str, *, if_revision: int | None = None) -> TaskView:
        """Replace its containers one after the other."""
        return self._change("POST", f"{_task(ref)}/restart", None, if_revision)

    def rollback(self, ref: str, *, if_revision: int | None = None) -> TaskView:
        """Give it back the spec that it had before the last one was applied."""
        return self._change("POST", f"{_task(ref)}/rollback", None, if_revision)

    def logs(
        self,
        ref: str,
        *,
        follow: bool = False,
        tail: int | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        stdout: bool = True,
        stderr: bool = True,
    ) -> Iterator[LogRecord]:
        """The lines of all its slots in the order of time; with `follow` until the task has ended for good.

        Lines of a followed log that come at the same moment from several nodes may be 0.2 s out of order.
        """
        query: Query = {
            "follow": 1 if follow else None,
            "tail": tail,
            "since_ns": since_ns,
            "until_ns": until_ns,
            "stdout": None if stdout else 0,
            "stderr": None if stderr else 0,
        }
        return follow_log(self._connect, f"{_task(ref)}/logs", query, sleep=self._sleep)

    def events(
        self,
        *,
        after: int | None = None,
        task: str | None = None,
        limit: int | None = None,
        node: str | None = None,
        kind: str | None = None,
    ) -> list[EventView]:
        """Recorded events, oldest first: those after that revision, or else the newest."""
        query: Query = {"after": after, "task": task, "limit": limit, "node": node, "kind": kind}
        return decode_view(self._transport.read(EVENTS, query).body, list[EventView])

    def newest_revision(self) -> int:
        """The revision of the newest event; 0 when nothing has happened yet."""
        newest = self.events(limit=1)
        return newest[-1].revision if newest else 0

    def feed(self, *, after: int = 0, task: str | None = None, patience: float = 60.0) -> Feed:
        """The events after that revision, and then live. Enter it to start."""
        return Feed(self._connect, task=task, after=after, patience=patience)

    def nodes(
        self, *, state: str | None = None, label: str | None = None, name: str | None = None
    ) -> list[NodeView]:
        """All nodes that fit, by name. In a name `*` stands for any characters."""
        query: Query = {"state": state, "label": label, "name": name}
        return [
            view
            for body in self._pages(NODES[0], query)
            for view in decode_view(body, list[NodeView])
        ]

    def attention(self) -> AttentionView:
        """What is wrong now, the worst first."""
        return decode_view(self._transport.read(ATTENTION).body, AttentionView)

    def watch(self, *, patience: float = 60.0) -> Iterator[Message]:
        """Everything there is, and then every change of it, for as long as it is read."""
        return watch(self._connect, patience=patience, sleep=self._sleep)

    def node(self, ref: str) -> NodeView:
        """One node."""
        return decode_view(self._transport.read(_node(ref)).body, NodeView)

    def usage(self, *, task: str | None = None, node: str | None = None) -> UsageView:
        """What containers use now. Takes a moment: they are measured because of this call."""
        query: Query = {"task": task, "node": node}
        return decode_view(self._transport.read(USAGE, query).body, UsageView)

    def stats(self) -> StatsView:
        """How much there is, and how busy the manager is."""
        return decode_view(self._transport.read(STATS).body, StatsView)

    def set_availability(
        self, ref: str, availability: Availability, *, deadline: float | None = None
    ) -> NodeView:
        """Drain, cordon or reopen a node. What is left on a draining one `deadline` seconds later is stopped."""
        query: Query = {"deadline_ms": None if deadline is None else round(deadline * 1000)}
        path = target(f"{_node(ref)}/{_VERBS[availability]}", query)
        return decode_view(self._transport.change("POST", path).body, NodeView)

    def drain_state(self, ref: str) -> DrainView:
        """What is left on a draining node, and why."""
        return decode_view(self._transport.read(f"{_node(ref)}/drain").body, DrainView)

    def remove_node(self, ref: str, *, force: bool = False) -> None:
        """Forget a node that is not connected; by `force` also with the volumes that slots wait for."""
        query: Query = {"force": 1 if force else None}
        self._transport.change("DELETE", target(_node(ref), query))

    def rebalance(
        self, *, dry_run: bool, max_moves: int | None = None, include_single: bool = False
    ) -> list[MoveView]:
        """The moves that bring replicas to where they would be placed today; made too, unless `dry_run`."""
        query: Query = {
            "dry_run": 1 if dry_run else None,
            "max_moves": max_moves,
            "include_single": 1 if include_single else None,
        }
        reply = self._transport.change("POST", target(REBALANCE, query))
        return decode_view(reply.body, list[MoveView])

    def secrets(self) -> list[SecretView]:
        """The secrets by name, without their values."""
        return decode_view(self._transport.read(SECRETS).body, list[SecretView])

    def set_secret(self, name: str, value: bytes) -> SecretView:
        """Keep the value as the newest version of the secret."""
        path = f"{SECRETS}/{segment(name)}"
        return decode_view(self._transport.change("PUT", path, value).body, SecretView)

    def remove_secret(self, name: str) -> None:
        """Forget a secret that no task names."""
        self._transport.change("DELETE", f"{SECRETS}/{segment(name)}")

    def accounts(self) -> list[AccountView]:
        """The accounts at registries, without their passwords."""
        return decode_view(self._transport.read(REGISTRIES).body, list[AccountView])

    def set_account(self, registry: str, username: str, password: str) -> AccountView:
        """Keep an account in place of any other at the registry."""
        path = f"{REGISTRIES}/{segment(registry)}"
        body = msgspec.json.encode(AccountRequest(username=username, password=password))
        return decode_view(self._transport.change("PUT", path, body).body, AccountView)

    def remove_account(self, registry: str) -> None:
        """Forget the account at a registry."""
        self._transport.change("DELETE", f"{REGISTRIES}/{segment(registry)}")

    def backup(self) -> BackupView:
        """Have a copy of the ledger made on the manager's machine."""
        return decode_view(self._transport.change("POST", BACKUPS).body, BackupView)

    def recovering(self) -> str:
        """Why changes are refused while the ledger is being recovered; empty when it is not."""
        try:
            self._transport.read(READYZ)
        except Recovering as recovering:
            return recovering.message
        except CubeError:  # not ready for another reason, which whoever changes something is told
            pass
        return ""

    def end_recovery(self) -> None:
        """Have a recovery wait for no more workers."""
        self._transport.change("POST", END_RECOVERY)

    def version(self) -> VersionView:
        """Who answers there."""
        return decode_view(self._transport.read(VERSION).body, VersionView)

    def healthy(self) -> bool:
        """Whether the manager says that it works. False also when nobody answers."""
        try:
            return self._transport.read(HEALTHZ).status == 200
        except CubeError:
            return False

    def _pages(self, path: str, query: Query) -> Iterator[bytes]:
        """The bodies of all pages of a list."""
        cursor: str | None = None
        while True:
            reply = self._transport.read(path, {**query, "limit": PAGE, "cursor": cursor})
            yield reply.body
            cursor = reply.headers.get(CURSOR_HEADER)
            if not cursor:
                return

    def _change(
        self, method: str, path: str, document: Any, if_revision: int | None = None
    ) -> TaskView:
        body = None if document is None else msgspec.json.encode(document)
        reply = self._transport.change(method, path, body, headers=_if_match(if_revision))
        return decode_view(reply.body, TaskView)

    def _connect(self) -> Transport:
        return Transport(self.address, sleep=self._sleep)


_VERBS = {
    Availability.DRAINING: "drain",
    Availability.CORDONED: "cordon",
    Availability.ACTIVE: "uncordon",
}


def _task(ref: str) -> str:
    return f"{TASKS[0]}/{segment(ref)}"


def _node(ref: str) -> str:
    return f"{NODES[0]}/{segment(ref)}"


def _if_match(revision: int | None) -> dict[str, str]:
    return {} if revision is None else {"If-Match": f'"{revision}"'}
