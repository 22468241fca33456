"""kill -9 of the manager at random instants, while users change tasks and ask again when an answer is lost."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from cube.runtime.simulated_engine import SimulatedEngine
from tests.bench.figures import percentile
from tests.faults.containers import RealContainers
from tests.faults.findings import Findings
from tests.faults.load import CHANGED, CREATED, STOPPED, User, differences, twice_or_never
from tests.faults.manager_process import ManagerProcess, manager_process, simulated_workers

KILLS = 200
USERS = 8
WORKERS = 2
SEED = 9
LEAST_RATE = 100  # mutations per second, or the kills were no test
LOAD_SECONDS = (0.2, 0.8)  # between a start and the next kill
SETTLE_SECONDS = 60.0
PAGE = 10_000


def measure(rounds: int = 0, *, real: bool = True, least_rate: float = LEAST_RATE) -> Findings:
    """Kill it so often; with `real` a worker with containers on the real engine looks on."""
    with tempfile.TemporaryDirectory(prefix="cube-kills-") as home:
        return asyncio.run(_measure(Path(home), rounds or KILLS, real, least_rate))


class _Story:
    """The manager, its users, and what was seen of them."""

    def __init__(self, manager: ManagerProcess) -> None:
        self.manager = manager
        self.users = [User(f"u{number}", SEED) for number in range(USERS)]
        self.events: dict[str, list[str]] = {}  # the kinds of the changes of each task
        self.wrong: list[str] = []
        self.starts: list[float] = []
        self.loaded = 0.0  # seconds
        self._revision = 0

    async def kill_once(self, go: asyncio.Event, draw: Random) -> None:
        """Let them work, kill, start again, and compare before anybody goes on."""
        began = time.monotonic()
        go.set()
        until = began + draw.uniform(*LOAD_SECONDS)
        while time.monotonic() < until:
            await asyncio.sleep(0.005)
        go.clear()
        await self.manager.kill()
        self.loaded += time.monotonic() - began
        self.starts.append(await self.manager.start())
        await self.compare()

    async def compare(self) -> None:
        """Compare what is served with what was answered."""
        async with aiohttp.ClientSession(self.manager.url) as session:
            tasks = await _get(session, "/task", limit=PAGE)
            while some := await _get(session, "/event", after=self._revision, limit=1_000):
                for event in some:
                    self._take(event)
        self.wrong += differences(self.users, tasks)
        self.wrong += twice_or_never(self.users, self.events)
        self.wrong += [f"{one['name']} restarted" for one in tasks if one["restarts"]]

    async def settled(self, engines: Sequence[SimulatedEngine]) -> None:
        """Wait until exactly what is wanted runs."""
        wanted = {
            wish.name: wish.replicas
            for user in self.users
            for wish in user.wished.values()
            if not wish.stopped
        }
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while (runs := _running(engines)) != wanted:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            odd = {name for name in wanted | runs if wanted.get(name) != runs.get(name)}
            self.wrong.append(f"not what is wanted runs of {sorted(odd)[:5]}")

    def _take(self, event: dict[str, Any]) -> None:
        if event["revision"] != self._revision + 1:
            self.wrong.append(f"event {event['revision']} follows {self._revision}")
        self._revision = event["revision"]
        if event["kind"] in (CREATED, CHANGED, STOPPED):
            self.events.setdefault(event["task"], []).append(event["kind"])


async def _measure(home: Path, rounds: int, real: bool, least_rate: float) -> Findings:
    async with manager_process(home) as manager:
        await manager.start()
        story = _Story(manager)
        async with (
            simulated_workers(home, manager.port, WORKERS) as engines,
            _real_containers(home, manager, real) as containers,
        ):
            before = await containers.seen() if containers else {}
            await _kills(story, rounds)
            await story.settled(engines)
            after = await containers.seen() if containers else {}
    findings = _findings(story, rounds, least_rate)
    if real:
        same = before == after and len(before) > 0
        row = f"real containers of {len(before)} with the same id and start as before the kills"
        findings.row(row, sum(before.get(id) == at for id, at in after.items()), kept=same)
    return findings


async def _kills(story: _Story, rounds: int) -> None:
    draw = Random(SEED)
    go = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        working = [
            group.create_task(user.work(story.manager.url, go), name=user.name)
            for user in story.users
        ]
        for _ in range(rounds):
            await story.kill_once(go, draw)
        go.set()  # what was asked for when the last kill came is asked for again
        async with asyncio.timeout(SETTLE_SECONDS):
            before = [user.answered for user in story.users]
            while any(map(int.__eq__, before, [user.answered for user in story.users])):
                await asyncio.sleep(0.02)
            go.clear()
            while any(user.pending for user in story.users):
                await asyncio.sleep(0.02)
        for one in working:
            one.cancel()
    await story.compare()


def _findings(story: _Story, rounds: int, least_rate: float) -> Findings:
    findings = Findings(f"kills: kill -9 of the manager under load of {USERS} users")
    answered = sum(user.answered for user in story.users)
    rate = answered / story.loaded
    findings.row("kills", rounds)
    findings.row("mutations answered", answered)
    asked = f"the same per second of load (at least {least_rate})"
    findings.row(asked, f"{rate:.0f}", kept=rate >= least_rate)
    findings.row("tasks made", sum(len(user.wished) for user in story.users))
    findings.none("answered and lost, done twice, stopped and revived, restarted", story.wrong)
    complaints = [words for user in story.users for words in user.complaints]
    findings.none("answers that were no success, or another one to the same key", complaints)
    findings.row("start of the process to /readyz, p50 s", f"{percentile(story.starts, 0.5):.2f}")
    findings.row("the same, p99 s", f"{percentile(story.starts, 0.99):.2f}")
    return findings


@contextlib.asynccontextmanager
async def _real_containers(
    home: Path, manager: ManagerProcess, real: bool
) -> AsyncIterator[RealContainers | None]:
    if not real:
        yield None
        return
    async with RealContainers(home, manager) as containers:
        yield containers


async def _get(session: aiohttp.ClientSession, path: str, **query: int) -> Any:
    async with session.get(path, params=query) as answer:
        answer.raise_for_status()
        return await answer.json()


def _running(engines: Sequence[SimulatedEngine]) -> dict[str, int]:
    runs: dict[str, int] = {}
    for engine in engines:
        for container in engine.containers.values():
            if container.seen().state.value == "running":
                name = container.label.spec.name
                runs[name] = runs.get(name, 0) + 1
    return runs
