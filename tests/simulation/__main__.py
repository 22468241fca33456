"""`python -m tests.simulation`: many histories, or one told as a story. Start it by scripts/simulate."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation.crowd import run_many
from tests.simulation.faults import Plan, draw_plan
from tests.simulation.history import Outcome, run
from tests.simulation.shrink import shrink

SHRUNK = 3  # failing histories that are made small; the others are named


def main() -> int:
    """Run what the command line names; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--seed", type=int, help="tell this one history")
    chosen.add_argument("--histories", type=int, help="run so many, and sum up")
    parser.add_argument("--first", type=int, default=0, help="the number of the first of them")
    parser.add_argument("--processes", type=int, help="how many at once; default: one per core")
    parser.add_argument("--whole", action="store_true", help="with --seed: do not make it smaller")
    options = parser.parse_args()
    if options.seed is not None:
        return tell(options.seed, whole=options.whole)
    return sum_up(range(options.first, options.first + options.histories), options.processes)


def tell(seed: int, *, whole: bool) -> int:
    """Print the history, in its smallest form if it breaks a promise."""
    plan = draw_plan(seed)
    outcome = run(plan)
    if outcome.rule and not whole:
        plan = _smallest(plan, outcome)
    outcome = run(plan, told=True)
    print(_heading(plan))
    print("\n".join(outcome.story))
    print(f"\n{outcome.at:9.3f}  {outcome.sentence or 'all promises were kept'}")
    return 1 if outcome.rule else 0


def sum_up(seeds: range, processes: int | None) -> int:
    """Print how many were well, and which were not."""
    began = time.monotonic()
    failed: list[Outcome] = []
    steps, slowest = 0, 0.0
    for done, outcome in enumerate(run_many(seeds, processes), 1):
        steps += outcome.steps
        slowest = max(slowest, outcome.settled)
        if outcome.rule:
            failed.append(outcome)
            print(f"seed {outcome.seed}: {outcome.sentence[:300]}", flush=True)
        if done % 1_000 == 0 and sys.stderr.isatty():
            print(f"{done} of {len(seeds)}", end="\r", file=sys.stderr)
    seconds = time.monotonic() - began
    print(
        f"{len(seeds)} histories (seeds {seeds.start} to {seeds.stop - 1}), {steps} steps, "
        f"{len(failed)} broken promises; {seconds:.0f} s, {len(seeds) / seconds:.1f} per second; "
        f"settled at the latest {slowest:.0f} s after the last fault"
    )
    if failed:
        print("by rule:", dict(Counter(outcome.rule for outcome in failed)))
        for outcome in sorted(failed, key=lambda one: one.seed)[:SHRUNK]:
            print(f"\nscripts/simulate --seed {outcome.seed}, made smaller:")
            print(_heading(_smallest(draw_plan(outcome.seed), outcome)))
    return 1 if failed else 0


def _smallest(plan: Plan, outcome: Outcome) -> Plan:
    return shrink(plan, lambda smaller: run(smaller).rule == outcome.rule)


def _heading(plan: Plan) -> str:
    lines = [
        f"history {plan.seed}: {plan.hosts} hosts, faults for {plan.length:.1f} s, "
        f"{len(plan.wishes)} wishes"
    ]
    lines += [f"  all the time: {fault} ({rate:.3g})" for fault, rate in plan.air.items()]
    lines += [
        f"  {deed.at:6.2f} s: {deed.fault}" for deed in sorted(plan.deeds, key=lambda d: d.at)
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
