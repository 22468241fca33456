"""EIO and ENOSPC at every write, sync and truncation of the ledger's files, in turn."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.faults import tracer
from tests.faults.audit import audit
from tests.faults.driver import BROKEN
from tests.faults.findings import Findings
from tests.faults.writes import every_point, memory, spread

COMMITS = 40
CALLS = ("pwrite64", "fdatasync", "ftruncate")
FULL = re.compile(r"full (\d+) holds (\d+)")


class Fault(NamedTuple):
    """One error at one call."""

    error: str
    call: str
    number: int

    @property
    def is_want_of_room(self) -> bool:
        """Whether it passes by itself. A sync that finds no room has lost what it was to sync."""
        return self.error == "ENOSPC" and self.call != "fdatasync"


def measure(rounds: int = 0, *, commits: int = COMMITS) -> Findings:
    """Inject both errors at each point, or at `rounds` of them, evenly spread."""
    with tempfile.TemporaryDirectory(prefix="cube-errors-", dir=memory()) as home:
        directory = Path(home) / "data"
        whole = tracer.failed_at(directory, commits, "pwrite64", tracer.NEVER, "EIO")
        points = list(every_point(tracer.count_calls(whole.trace, CALLS)))
        faults = [Fault(error, *point) for error in ("EIO", "ENOSPC") for point in points]
        chosen = spread(faults, rounds)
        outcomes = [_Outcome(fault, directory, commits) for fault in chosen]
    return _findings(
        outcomes, f"errors: EIO and ENOSPC at every call on the files of {commits} commits"
    )


class _Outcome:
    """What one fault did."""

    def __init__(self, fault: Fault, directory: Path, commits: int) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        ended = tracer.failed_at(directory, commits, fault.call, fault.number, fault.error)
        self.fault = fault
        self.ended = ended
        self.refusals = [line for line in ended.said if line.startswith("full")]
        words = asyncio.run(audit(directory, acknowledged=ended.acknowledged))
        self.wrong = [f"{fault}: {text}" for text in (words, *self._complaints(commits)) if text]

    def _complaints(self, commits: int) -> list[str]:
        said, exit_code = self.ended.said, self.ended.exit_code
        complaints = [
            f"half done: {line}"
            for line in self.refusals
            if (told := FULL.fullmatch(line)) and int(told[1]) != int(told[2]) + 1
        ]
        if self.ended.trace.count("(INJECTED)") != 1:
            complaints.append("nothing was injected")
        if exit_code not in (0, BROKEN):
            complaints.append(f"ended with {exit_code}: {said[-1:]}")
        if exit_code == 0 and self.ended.acknowledged != commits:
            complaints.append(f"ended well after {self.ended.acknowledged} commits")
        if exit_code == BROKEN and self.fault.is_want_of_room and self.ended.acknowledged:
            complaints.append("ended for want of room")
        # While the file is made there is nothing to lose, and SQLite tidies up in its own way.
        made = self.ended.acknowledged > 0
        if made and self.fault.call == "fdatasync" and _synced_again(self.ended.trace):
            complaints.append("synced again after a sync had failed")
        return complaints


def _synced_again(trace: str) -> bool:
    _, _, after = trace.partition("(INJECTED)")
    return "sync(" in after


def _findings(outcomes: list[_Outcome], title: str) -> Findings:
    findings = Findings(title)
    findings.row("errors injected, one in each run", len(outcomes), kept=bool(outcomes))
    full = sum(bool(one.refusals) for one in outcomes)
    findings.row("runs with changes refused for want of room, and made later", full)
    ended = sum(one.ended.exit_code == BROKEN for one in outcomes)
    findings.row("runs in which the process ended, and a new one read what was on the disk", ended)
    wrong = [words for one in outcomes for words in one.wrong]
    findings.none("lost, invented, half done, synced again, or refused by the next process", wrong)
    return findings
