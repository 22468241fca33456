"""`python -m tests.faults`: faults of the manager's process and disk, and what the ledger makes of them.

Start it by scripts/faults.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys

# One module each, with a `measure(rounds)`; 0 rounds: as many as the figures are about.
SCENARIOS = (
    "kills", "restart", "writes", "errors", "full_disk", "slow_disk", "crashes", "corruptions",
)  # fmt: skip


def summary(name: str) -> str:
    """Return what the scenario is about, in one line."""
    return (scenario(name).__doc__ or "").splitlines()[0]


def scenario(name: str) -> object:
    """Return the module of the scenario."""
    return importlib.import_module(f"tests.faults.{name}")


def main() -> int:
    """Run what the command line names; 1 when a promise was not kept."""
    parser = argparse.ArgumentParser(prog="scripts/faults")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="name the scenarios")
    run = verbs.add_parser("run", help="run one at its full length; prints Markdown")
    run.add_argument("scenario", choices=SCENARIOS)
    run.add_argument("--rounds", type=int, default=0, help="how often, instead of all of them")
    chosen = parser.parse_args()
    if chosen.verb == "list":
        for name in SCENARIOS:
            print(f"{name:<12} {summary(name)}")
        return 0
    logging.disable(logging.WARNING)  # of workers here whose manager was killed: no news
    load = os.getloadavg()[0]
    findings = scenario(chosen.scenario).measure(chosen.rounds)  # type: ignore[attr-defined]
    print(
        f"{findings.markdown()}\n\nLoad {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end."
    )
    return 1 if findings.violations else 0


if __name__ == "__main__":
    sys.exit(main())
