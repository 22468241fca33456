"""`python -m tests.fuzz`: many requests, or one with its answer. Start it by scripts/fuzz."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.fuzz.campaign import CHAPTER, Outcome, chapter
from tests.fuzz.draw import draw


def main() -> int:
    """Run what the command line names; 1 when a promise was not kept."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first of them")
    parser.add_argument("--request", type=int, help="send this one, and show it")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="managers at a time"
    )
    chosen = parser.parse_args()
    if chosen.request is not None:
        return show(chosen.request)
    return sum_up(range(chosen.seed, chosen.seed + chosen.requests), chosen.processes)


def show(number: int) -> int:
    """Print one request, and what is wrong with its answer."""
    request = draw(number)
    print(f"{number}: {request.about}\n{request.data!r}\n{request.behind!r}")
    outcome = asyncio.run(chapter([number]))
    print(f"answered {dict(outcome.statuses)} in {outcome.slowest:.3f} s")
    for finding in outcome.findings:
        print(finding.what)
    return 1 if outcome.findings else 0


def sum_up(numbers: range, processes: int) -> int:
    """Print how many were well, and which were not."""
    began = time.monotonic()
    whole = Outcome()
    for outcome in ask_all(numbers, processes):
        whole.add(outcome)
        for finding in outcome.findings:
            print(
                f"scripts/fuzz --request {finding.number} ({finding.about}): {finding.what}",
                flush=True,
            )
        if sys.stderr.isatty():
            print(f"{whole.requests} of {len(numbers)}", end="\r", file=sys.stderr)
    seconds = time.monotonic() - began
    kinds = Counter(
        f"{status // 100}xx" if status else "none" for status in whole.statuses.elements()
    )
    print(
        f"{whole.requests} requests (numbers {numbers.start} to {numbers.stop - 1}), "
        f"{len(whole.findings)} broken promises; "
        f"{seconds:.0f} s, {whole.requests / seconds:.0f} per second; the slowest took {whole.slowest:.1f} s, "
        f"the largest manager {whole.memory_bytes / 2**20:.0f} MiB\n"
        f"answers: {', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))}"
    )
    return 1 if whole.findings or whole.requests < len(numbers) else 0


def ask_all(numbers: range, processes: int) -> Iterator[Outcome]:
    """Yield what came of each chapter, so many at a time."""
    chapters = [numbers[at : at + CHAPTER] for at in range(0, len(numbers), CHAPTER)]
    with ProcessPoolExecutor(min(processes, len(chapters))) as pool:
        yield from pool.map(_chapter, chapters)


def _chapter(numbers: range) -> Outcome:
    return asyncio.run(chapter(numbers))


if __name__ == "__main__":
    sys.exit(main())
