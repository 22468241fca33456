"""`python -m tests.bench`: one measurement, printed as a Markdown table. Start it by scripts/bench."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Coroutine
from pathlib import Path

from tests.bench import (
    crowd,
    deaf,
    exec,
    followers,
    hundred,
    listing,
    logs,
    page,
    placement,
    restart,
    scale,
    start,
    status,
    submit,
    swarm,
    throughput,
)
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
        ("restart", restart, "--allocations", 100_000),
        ("list", listing, "--tasks", 10_000),
        ("followers", followers, "--followers", 100),
        ("logs", logs, "--megabytes", 1000),
        ("exec", exec, "--rounds", 500),
        ("page", page, "--tasks", 1_000),
        ("crowd", crowd, "--strangers", 10_000),
    ):
        kind = kinds.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        kind.add_argument(option, type=int, default=default, dest="length")
        if name in ("hundred", "swarm"):
            kind.add_argument("--count", type=int, default=100, dest="more")
        if name in ("restart", "list", "followers"):
            kind.add_argument("--rounds", type=int, default=3, dest="more")
        if name == "crowd":
            kind.add_argument("--workers", type=int, default=crowd.WORKERS, dest="more")
        if name == "page":
            kind.add_argument("--rounds", type=int, default=100, dest="more")
        if name == "followers":
            help_idle = "measure so many followers that never read instead"
            kind.add_argument("--idle", type=int, help=help_idle)
        if name == "logs":
            kind.add_argument("--slots", type=int, default=4, dest="more")
        kind.set_defaults(measure=module.measure)
    kind = kinds.add_parser("placement", help=(placement.__doc__ or "").splitlines()[0])
    kind.add_argument("--quick", action="store_true", dest="length", help="one seed, few slices")
    kind.set_defaults(measure=placement.measure)
    _add_scale(kinds.add_parser("scale", help=(scale.__doc__ or "").splitlines()[0]))
    chosen = parser.parse_args()

    print(f"### {chosen.kind}\n\n{environment()}\n", flush=True)
    print(asyncio.run(_measurement(chosen)))


def _measurement(chosen: argparse.Namespace) -> Coroutine[None, None, str]:
    measurement: Coroutine[None, None, str]
    if chosen.kind == "scale":
        sizes = scale.QUICK if chosen.quick else _sizes(chosen)
        measurement = scale.measure(sizes, chosen.image)
    elif "idle" in chosen and chosen.idle:
        measurement = deaf.measure(chosen.idle)
    else:
        numbers = (chosen.length, chosen.more) if "more" in chosen else (chosen.length,)
        measurement = chosen.measure(*numbers)
    return measurement


def _add_scale(kind: argparse.ArgumentParser) -> None:
    kind.add_argument("--quick", action="store_true", help="a hundred workers, 10,000 containers")
    for name, default in (("tasks", 1000), ("replicas", 1000), ("workers", 5000), ("processes", 1)):
        kind.add_argument(f"--{name}", type=int, default=default)
    kind.add_argument("--seconds", type=float, default=3600.0, help="give up after so long")
    kind.add_argument("--image", type=Path, help="draw the curves into this SVG")


def _sizes(chosen: argparse.Namespace) -> scale.Sizes:
    return scale.Sizes(
        tasks=chosen.tasks,
        replicas=chosen.replicas,
        workers=chosen.workers,
        processes=chosen.processes,
        seconds=chosen.seconds,
    )


main()
