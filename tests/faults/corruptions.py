"""Damage to the ledger and its write-ahead log while nobody has them open: never a wrong answer."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from cube.store.ledger import Ledger
from tests.faults import course
from tests.faults.audit import CLUSTER, refused_or_right
from tests.faults.findings import Findings
from tests.faults.writes import memory
from tests.store.ledger_builders import NOW

DAMAGES = 200
COMMITS = 120
SEED = 7
SECTOR = 512


def measure(rounds: int = 0, *, commits: int = COMMITS) -> Findings:
    """Damage a closed ledger, and a ledger and a log as a crash leaves them, so often in all."""
    count = rounds or DAMAGES
    draw = Random(SEED)
    seen: Counter[str] = Counter()
    wrong = []
    with tempfile.TemporaryDirectory(prefix="cube-corruptions-", dir=memory()) as home:
        closed, crashed = Path(home) / "closed", Path(home) / "crashed"
        asyncio.run(_make(closed, crashed, commits))
        targets = (closed / "ledger.db", crashed / "ledger.db", crashed / "ledger.db-wal")
        for number in range(count):
            target = targets[number % len(targets)]
            kind, damage = draw.choice(KINDS)
            refused, words = _damaged(target, damage, draw, commits)
            seen["refused" if refused else "served right"] += 1
            if words:
                wrong.append(f"{kind} of {target.parent.name} {target.name} ({number}): {words}")
    findings = Findings(f"corruptions: a ledger of {commits} commits, closed and crashed")
    findings.row("damages: bit flips, zeroed sectors, cuts", count)
    findings.row("refused, with what to do", seen["refused"])
    findings.row("served, everything as it was written", seen["served right"])
    findings.none("wrong answers, and refusals without a hint", wrong)
    return findings


def flip(data: bytearray, draw: Random) -> None:
    """Flip one bit."""
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def zero(data: bytearray, draw: Random) -> None:
    """Make one sector zeroes."""
    start = draw.randrange(len(data)) // SECTOR * SECTOR
    end = min(start + SECTOR, len(data))
    data[start:end] = bytes(end - start)


def cut(data: bytearray, draw: Random) -> None:
    """Cut the end off."""
    del data[draw.randrange(len(data)) :]


Damage = Callable[[bytearray, Random], None]
KINDS: tuple[tuple[str, Damage], ...] = (("flip", flip), ("zero", zero), ("cut", cut))


async def _make(closed: Path, crashed: Path, commits: int) -> None:
    """Make the two ledgers, both with all the commits acknowledged; of the crashed one half is in the log."""
    half = await _filled(closed, range(1, commits // 2 + 1))
    await half.close()
    whole = await _filled(closed, range(commits // 2 + 1, commits + 1))
    shutil.copytree(closed, crashed)  # what a kill would leave
    await whole.close()


async def _filled(directory: Path, numbers: range) -> Ledger:
    ledger = await Ledger.open(directory, mint_cluster_id=lambda: CLUSTER, now_ms=NOW)
    for number in numbers:
        await ledger.commit(*course.commit(number))
    return ledger


def _damaged(target: Path, damage: Damage, draw: Random, commits: int) -> tuple[bool, str]:
    """Damage a copy; return whether it is refused, and what is wrong with that."""
    copy = target.parent.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(target.parent, copy)
    data = bytearray(target.read_bytes())
    damage(data, draw)
    (copy / target.name).write_bytes(data)
    return asyncio.run(refused_or_right(copy, commits=commits))
