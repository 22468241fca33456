"""Users who create, apply, scale and stop tasks, ask again when an answer is lost, and remember what was answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import aiohttp

from tests.faults.manager_process import ON_SIMULATED

IMAGE = "busybox"
LIVE_TASKS = 12  # of one user; then an old one is stopped
MOST_REPLICAS = 3
ANSWER_SECONDS = 10.0
REPEATED = 0.05  # the share of answered changes that are asked for once more
CREATED, CHANGED, STOPPED = "task.created", "task.changed", "task.stopped"


class Change(NamedTuple):
    """One request that changes one task, and the task as it is after it."""

    key: str
    method: str
    path: str
    body: dict[str, Any] | None
    kind: str  # of the event that tells of it
    task: Wish


class Wish(NamedTuple):
    """A task as its user wants it. `mark` is in its environment, so that no two versions are alike."""

    name: str
    mark: int
    replicas: int
    stopped: bool = False

    @property
    def document(self) -> dict[str, Any]:
        """The task file."""
        return {
            "name": self.name,
            "image": IMAGE,
            "env": {"MARK": str(self.mark)},
            "replicas": self.replicas,
            "constraints": ON_SIMULATED,
        }


class User:
    """One user with one connection. What `wished` says was answered; `pending` was asked for and is not."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.wished: dict[str, Wish] = {}
        self.told: dict[str, list[str]] = {}
        """The kinds of the events that each task must have, in their order."""
        self.pending: Change | None = None
        self.complaints: list[str] = []
        self.answered = 0
        self._draw = Random(f"{name} {seed}")
        self._numbers = 0

    async def work(self, url: str, go: asyncio.Event) -> None:
        """Make one change after the other while `go` is set. Cancel it to end."""
        async with aiohttp.ClientSession(url) as session:
            while True:
                await go.wait()
                change = self.pending = self.pending or self._next()
                try:
                    status, body = await _ask(session, change)
                except (aiohttp.ClientError, OSError, TimeoutError):
                    await asyncio.sleep(0.02)  # it is away, and back within a second
                    continue
                self._take(change, status, body)
                if self._draw.random() < REPEATED:
                    await self._repeat(session, change, status, body)

    def _take(self, change: Change, status: int, body: bytes) -> None:
        self.pending = None
        if not 200 <= status < 300:
            self.complaints.append(f"{change.method} {change.path}: {status} {body[:200]!r}")
            return
        self.answered += 1
        self.wished[change.task.name] = change.task
        self.told.setdefault(change.task.name, []).append(change.kind)

    async def _repeat(
        self, session: aiohttp.ClientSession, change: Change, status: int, body: bytes
    ) -> None:
        try:
            again = await _ask(session, change)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return
        if again != (status, body):
            self.complaints.append(f"{change.key}: {again[0]} {again[1][:100]!r}, not {status}")

    def _next(self) -> Change:
        self._numbers += 1
        number = self._numbers
        key = f"{self.name}-{number}"
        live = [wish for wish in self.wished.values() if not wish.stopped]
        draw = self._draw.random()
        if not live or (draw < 0.05 and len(live) < LIVE_TASKS):
            wish = Wish(f"{self.name}-t{number}", number, 1)
            return Change(key, "POST", "/task", wish.document, CREATED, wish)
        old = self._draw.choice(live)
        path = f"/task/{old.name}"
        if draw < 0.05 or draw > 0.95:
            return Change(key, "DELETE", path, None, STOPPED, old._replace(stopped=True))
        if draw < 0.35:
            replicas = old.replicas % MOST_REPLICAS + 1
            wish = old._replace(replicas=replicas)
            return Change(key, "POST", f"{path}/scale", {"replicas": replicas}, CHANGED, wish)
        wish = old._replace(mark=number)
        return Change(key, "PUT", path, wish.document, CHANGED, wish)


async def _ask(session: aiohttp.ClientSession, change: Change) -> tuple[int, bytes]:
    async with (
        asyncio.timeout(ANSWER_SECONDS),
        session.request(
            change.method, change.path, json=change.body, headers={"Idempotency-Key": change.key}
        ) as answer,
    ):
        return answer.status, await answer.read()


def differences(users: Sequence[User], tasks: list[dict[str, Any]]) -> list[str]:
    """Return how what the manager shows differs from what was answered, or was asked for and may have happened."""
    shown = {task["name"]: task for task in tasks}
    found = []
    for user in users:
        maybe = user.pending.task if user.pending else None
        for wish in user.wished.values():
            allowed = [wish, maybe] if maybe is not None and maybe.name == wish.name else [wish]
            wrong = [_differs(one, shown.get(wish.name)) for one in allowed]
            if all(wrong):
                found.append(wrong[0])
    return found


def twice_or_never(users: Sequence[User], events: dict[str, list[str]]) -> list[str]:
    """Return the tasks whose recorded changes are not the answered ones, one event each."""
    found = []
    for user in users:
        for name, told in user.told.items():
            maybe = user.pending
            under_way = [maybe.kind] if maybe is not None and maybe.task.name == name else []
            allowed = ([*told], [*told, *under_way])
            if (seen := events.get(name, [])) not in allowed:
                found.append(f"{name}: {len(seen)} changes are recorded, {len(told)} were answered")
    return found


def _differs(wish: Wish, task: dict[str, Any] | None) -> str:
    if task is None:
        return "" if wish.stopped else f"{wish.name} is lost"
    if wish.stopped:
        return "" if task["goal"] == "stop" else f"{wish.name} was stopped and is to run"
    seen = (task["goal"], task["replicas"], task["spec"]["env"])
    wanted = ("run", wish.replicas, {"MARK": str(wish.mark)})
    return "" if seen == wanted else f"{wish.name} is {json.dumps(seen)}, not {json.dumps(wanted)}"
