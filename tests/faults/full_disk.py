"""The manager's disk is full: changes are refused with 507 and leave nothing, reads go on, room ends it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.findings import Findings
from tests.faults.manager_process import ManagerProcess, manager_process

ROUNDS = 20
SIZE = "8m"
SECONDS = 2.0  # the promise: from room to changes being taken
MOST_TASKS = 500  # until the write-ahead log needs room that is not there
FILLER = 64 * 1024


def measure(rounds: int = 0) -> Findings:
    """Fill the disk of a manager and make room again, so often; every other time it is killed in between."""
    with tempfile.TemporaryDirectory(prefix="cube-full-") as home, small_disk(Path(home)):
        return asyncio.run(_measure(Path(home), rounds or ROUNDS))


@contextlib.contextmanager
def small_disk(home: Path) -> Iterator[None]:
    """Give the manager of this home a disk of its own, in memory. Needs root."""
    data = home / "manager"
    data.mkdir(mode=0o700)
    options = f"size={SIZE},mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "cube-full", data], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", data], check=True)


class _Story:
    """What was asked for while there was room and while there was none."""

    def __init__(self, manager: ManagerProcess, session: aiohttp.ClientSession) -> None:
        self.made: set[str] = set()
        self.refused = 0
        self.recovered: list[float] = []
        self.wrong: list[str] = []
        self._manager = manager
        self._session = session
        self._number = 0

    async def fill_once(self, *, kill: bool) -> None:
        """Fill the disk, look, and make room."""
        filler = self._manager.data / "filler"
        _fill(filler)
        await self._until_refused()
        await self._look("while full")
        if kill:
            await self._manager.kill()
            await self._manager.start()
            await self._look("after a start while full")
        filler.unlink()
        began = time.monotonic()
        while await self._create() != 201:
            await asyncio.sleep(0.02)
        self.recovered.append(time.monotonic() - began)
        await self._look("with room again")

    async def _until_refused(self) -> None:
        for _ in range(MOST_TASKS):
            if await self._create() != 201:
                return
        self.wrong.append(f"{MOST_TASKS} tasks found room on a full disk")

    async def _create(self) -> int:
        self._number += 1
        name = f"t{self._number}"
        task = {"name": name, "image": "busybox"}
        async with self._session.post("/task", json=task) as answer:
            problem = await answer.json(content_type=None)
            if answer.status == 201:
                self.made.add(name)
            else:
                self.refused += 1
                self.wrong += _complaints(answer.status, problem)
            return answer.status

    async def _look(self, when: str) -> None:
        async with self._session.get("/task", params={"limit": 10_000}) as answer:
            if answer.status != 200:
                self.wrong.append(f"{when}: GET /task answers {answer.status}")
                return
            names = {task["name"] for task in await answer.json()}
        if names != self.made:
            odd = sorted(names ^ self.made)[:5]
            self.wrong.append(f"{when}: {odd} are shown and were refused, or the reverse")


async def _measure(home: Path, rounds: int) -> Findings:
    async with manager_process(home) as manager:
        await manager.start()
        async with aiohttp.ClientSession(manager.url) as session:
            story = _Story(manager, session)
            for number in range(rounds):
                await story.fill_once(kill=number % 2 == 1)
    findings = Findings(f"full_disk: a manager on a disk of {SIZE} that is filled")
    findings.row("times filled", rounds)
    findings.row("changes made", len(story.made))
    findings.row("changes refused, each with 507 and what to do", story.refused)
    findings.none("other answers, refused and made, made and lost", story.wrong)
    slowest = max(story.recovered)
    asked = f"room to the next change made, most s (at most {SECONDS:g})"
    findings.row(asked, f"{slowest:.2f}", kept=slowest <= SECONDS)
    return findings


def _fill(filler: Path) -> None:
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(FILLER))
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(1))


def _complaints(status: int, problem: dict[str, Any]) -> list[str]:
    if status == 507 and problem["code"] == "ledger_full" and "df -h" in problem["hint"]:
        return []
    return [f"{status} {problem}"]
