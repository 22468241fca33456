"""A manager that does nothing but commit, and says which revision is acknowledged. Run by test_opening."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from cube.store.ledger import Ledger
from tests.store.ledger_builders import NOW, a_commit

AT_ONCE = 20


async def main() -> None:
    """Commit for ever."""
    ledger = await Ledger.open(Path(sys.argv[1]), mint_cluster_id=lambda: "c", now_ms=NOW)
    revision = (await ledger.load()).revision
    while True:
        recorded = [ledger.commit(a_commit(revision + number)) for number in range(1, AT_ONCE)]
        for future in recorded:
            await future
            revision += 1
            print(revision, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
