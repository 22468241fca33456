"""Power cuts: images of what the disk may hold, rebuilt from a recorded course, each opened and compared."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from tests.faults import tracer
from tests.faults.audit import audit
from tests.faults.findings import Findings
from tests.faults.images import Image, Step, Synced, disk_after, steps_of
from tests.faults.writes import memory

IMAGES = 1_000
COMMITS = 120
SESSIONS = 8  # the ledger is closed and opened again in between
SEED = 42


def measure(rounds: int = 0, *, commits: int = COMMITS) -> Findings:
    """Record one course, and open `rounds` images of it."""
    count = rounds or IMAGES
    draw = Random(SEED)
    with tempfile.TemporaryDirectory(prefix="cube-crashes-", dir=memory()) as home:
        steps = _record(Path(home) / "recorded", commits)
        wrong = []
        distinct: Counter[int] = Counter()
        for number in range(count):
            cut = draw.randrange(1, len(steps) + 1)
            disk = disk_after(steps[:cut])
            image = disk.image(draw)
            distinct[hash(frozenset(image.items()))] += 1
            if words := _opened(Path(home) / "image", image, disk.acknowledged):
                wrong.append(f"image {number}, cut after {cut} steps: {words}")
    findings = Findings(f"crashes: power cuts in {commits} commits, {SESSIONS} starts")
    findings.row("writes and cuts recorded", sum(not isinstance(one, Synced) for one in steps))
    findings.row("syncs recorded", sum(isinstance(one, Synced) for one in steps))
    findings.row("images opened", count)
    findings.row("of them different", len(distinct))
    findings.none("images that refuse, lose or invent", wrong)
    return findings


def _record(directory: Path, commits: int) -> list[Step]:
    steps: list[Step] = []
    for session in range(1, SESSIONS + 1):
        ended = tracer.recorded(directory, commits * session // SESSIONS)
        if ended.exit_code != 0:
            raise RuntimeError(f"the recorded course ended with {ended.exit_code}")
        steps += steps_of(ended.trace, directory)
    _check_recording(steps, directory)
    return steps


def _check_recording(steps: list[Step], directory: Path) -> None:
    """A recording that misses a call would prove nothing: played to its end it must be what is on the disk."""
    ledger = disk_after(steps).contents()["ledger.db"]
    if ledger != (directory / "ledger.db").read_bytes():
        raise RuntimeError("the recording is not what was written")


def _opened(directory: Path, image: Image, acknowledged: int) -> str:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    for name, data in image.items():
        (directory / name).write_bytes(data)
    return asyncio.run(audit(directory, acknowledged=acknowledged))
