"""`python -m tests.bench`: one measurement, printed as a Markdown table. Start it by scripts/bench."""

from __future__ import annotations

import argparse
import asyncio

from tests.bench import hundred, placement, start, status, submit, swarm, throughput
from tests.bench.cluster import environment


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(prog="scripts/bench")
    kinds = parser.add_subparsers(dest="kind", required=True)
    for name, module, option, default in (
        ("start", start, "--rounds", 50),
        ("hundred", hundred, "--rounds", 3),
        ("swarm", swarm, "--rounds", 3),
        ("submit", submit, "--seconds", 10),
        ("status", status, "--rounds", 30),
        ("throughput", throughput, "--rounds", 5),
    ):
        kind = kinds.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        kind.add_argument(option, type=int, default=default, dest="length")
        if name in ("hundred", "swarm"):
            kind.add_argument("--count", type=int, default=100)
        kind.set_defaults(measure=module.measure)
    kind = kinds.add_parser("placement", help=(placement.__doc__ or "").splitlines()[0])
    kind.add_argument("--quick", action="store_true", dest="length", help="one seed, few slices")
    kind.set_defaults(measure=placement.measure)
    chosen = parser.parse_args()

    print(f"### {chosen.kind}\n\n{environment()}\n", flush=True)
    sizes = (chosen.length, chosen.count) if "count" in chosen else (chosen.length,)
    print(asyncio.run(chosen.measure(*sizes)))


main()
