"""The manager's API as typed calls. Every method raises only errors of `cube.errors`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import msgspec

from cube.client.stream import Feed, follow_log
from cube.client.transport import Address, Query, Transport, segment, target
from cube.errors import CubeError, Recovering
from cube.model.node import Availability
from cube.wire.codec import decode_view
from cube.wire.routes import (
    BACKUPS,
    END_RECOVERY,
    EVENTS,
    HEALTHZ,
    NODES,
    READYZ,
    REBALANCE,
    STATS,
    TASKS,
    USAGE,
    VERSION,
)
from cube.wire.views import (
    BackupView,
    EventView,
    LogRecord,
    MoveView,
    NodeView,
    PlanView,
    StatsView,
    TaskDetail,
    TaskView,
    UsageView,
    VersionView,
    WhyView,
)

PAGE = 1000  # tasks per answer: about a megabyte
CURSOR_HEADER = "x-next-cursor"


class ManagerClient:
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
        self, *, state: str | None = None, node: str | None = None, label: str | None = None
    ) -> list[TaskView]:
        """All tasks that fit, page after page."""
        found: list[TaskView] = []
        cursor: str | None = None
        while True:
            query: Query = {
                "state": state, "node": node, "label": label, "limit": PAGE, "cursor": cursor
            }  # fmt: skip
            reply = self._transport.read(TASKS[0], query)
            found += decode_view(reply.body, list[TaskView])
            cursor = reply.headers.get(CURSOR_HEADER)
            if not cursor:
                return found

    def task(self, ref: str) -> TaskDetail:
        """One task with its recent events."""
        return decode_view(self._transport.read(_task(ref)).body, TaskDetail)

    def submit(self, document: Any) -> TaskView:
        """Create the task of this document. The same id and spec again change nothing."""
        return self._change("POST", TASKS[0], document)

    def apply(self, name: str, document: Any) -> TaskView:
        """Make the task of that name be as the document says."""
        return self._change("PUT", _task(name), document)

    def plan(self, name: str, document: Any) -> PlanView:
        """What `apply` would change. Changes nothing."""
        body = msgspec.json.encode(document)
        reply = self._transport.change("PUT", f"{_task(name)}?dry_run=1", body)
        return decode_view(reply.body, PlanView)

    def explain(self, ref: str, slot: int | None = None) -> WhyView:
        """Why it runs where it runs, or does not run: the whole task, or one slot."""
        query: Query = {"slot": slot}
        return decode_view(self._transport.read(f"{_task(ref)}/explain", query).body, WhyView)

    def stop(self, ref: str) -> TaskView | None:
        """Stop it and remove its containers; None when nothing of it is left."""
        reply = self._transport.change("DELETE", _task(ref))
        return decode_view(reply.body, TaskView) if reply.body else None

    def scale(self, ref: str, replicas: int) -> TaskView:
        """Change how many of it run."""
        return self._change("POST", f"{_task(ref)}/scale", {"replicas": replicas})

    def restart(self, ref: str) -> TaskView:
        """Replace its containers one after the other."""
        return self._change("POST", f"{_task(ref)}/restart", None)

    def logs(
        self,
        ref: str,
        *,
        follow: bool = False,
        tail: int | None = None,
        since_ns: int | None = None,
    ) -> Iterator[LogRecord]:
        """The lines of all its slots; with `follow` until the task has ended for good."""
        query: Query = {
            "follow": 1 if follow else None, "tail": tail, "since_ns": since_ns, "timestamps": 1
        }  # fmt: skip
        return follow_log(self._connect, f"{_task(ref)}/logs", query, sleep=self._sleep)

    def events(
        self,
        *,
        after: int | None = None,
        task: str | None = None,
        node: str | None = None,
        limit: int | None = None,
    ) -> list[EventView]:
        """Recorded events, oldest first: those after that revision, or else the newest."""
        query: Query = {"after": after, "task": task, "node": node, "limit": limit}
        return decode_view(self._transport.read(EVENTS, query).body, list[EventView])

    def newest_revision(self) -> int:
        """The revision of the newest event; 0 when nothing has happened yet."""
        newest = self.events(limit=1)
        return newest[-1].revision if newest else 0

    def feed(self, *, after: int = 0, task: str | None = None, patience: float = 60.0) -> Feed:
        """The events after that revision, and then live. Enter it to start."""
        return Feed(self._connect, task=task, after=after, patience=patience)

    def nodes(self) -> list[NodeView]:
        """All nodes."""
        return decode_view(self._transport.read(NODES[0]).body, list[NodeView])

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

    def set_availability(self, ref: str, availability: Availability) -> NodeView | None:
        """Drain, cordon or reopen a node."""
        reply = self._transport.change("POST", f"{_node(ref)}/{_VERBS[availability]}")
        return decode_view(reply.body, NodeView) if reply.body else None

    def remove_node(self, ref: str) -> None:
        """Forget a node that is lost or empty."""
        self._transport.change("DELETE", _node(ref))

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

    def _change(self, method: str, path: str, document: Any) -> TaskView:
        body = None if document is None else msgspec.json.encode(document)
        return decode_view(self._transport.change(method, path, body).body, TaskView)

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
