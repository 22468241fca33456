"""A manager that does nothing but commit its course, one after the other, and says which ones are acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from cube.errors import LedgerBroken, LedgerFull
from cube.store import writer
from cube.store.ledger import Ledger
from tests.faults import course
from tests.faults.audit import CLUSTER
from tests.store.ledger_builders import NOW

CHECKPOINT_ROWS = 300  # so that a short course folds its log several times
BROKEN = 3  # exit code
PATIENCE = 50  # tries to go on after a full disk


async def drive(directory: Path, commits: int) -> int:
    """Commit until there are that many, then close; return the exit code.

    Says `N` for each acknowledged commit before the next one begins, `full N` for one that found no room, after which
    it is tried again, `broken` for the end of the ledger, and `refused` for one that is not opened.
    """
    writer.CHECKPOINT_ROWS = CHECKPOINT_ROWS
    try:
        ledger = await Ledger.open(directory, mint_cluster_id=lambda: CLUSTER, now_ms=NOW)
    except (LedgerFull, LedgerBroken) as refused:
        say(f"refused {refused.message}")
        return BROKEN
    try:
        done = (await ledger.load()).revision
        for number in range(done + 1, commits + 1):
            await _commit(ledger, number)
            say(str(number))
    except LedgerBroken as broken:
        say(f"broken {broken.message}")
        return BROKEN
    finally:
        await ledger.close()
    return 0


def say(line: str) -> None:
    """Write the line to stdout in one call, so that it is in the trace where it happened."""
    os.write(1, f"{line}\n".encode())


async def _commit(ledger: Ledger, number: int) -> None:
    """Make the commit; where there is no room, read, and try again until there is."""
    for _ in range(PATIENCE):
        try:
            await ledger.commit(*course.commit(number))
        except LedgerFull:
            held = (await ledger.load()).revision
            say(f"full {number} holds {held}")
            await _room_again(ledger)
        else:
            return
    raise LedgerBroken("the disk stays full")


async def _room_again(ledger: Ledger) -> None:
    for _ in range(PATIENCE):
        try:
            await ledger.recover()
        except LedgerFull:
            continue
        return


if __name__ == "__main__":
    sys.exit(asyncio.run(drive(Path(sys.argv[1]), int(sys.argv[2]))))
