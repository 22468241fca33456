"""`python -m tests.lab`: the lab by hand. Start it by scripts/lab."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from cube.errors import CubeError
from tests.lab import certificates, failovers, partitions, restarts, soak, swarm
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.shell import CommandFailed
from tests.lab.wire import Direction

HOST_VERBS: dict[str, Callable[[Host], object]] = {
    "heal": Host.heal,
    "crash": Host.crash,
    "start": Host.start,
    "kill-engine": Host.kill_engine,
    "start-engine": Host.start_engine,
    "hang-engine": Host.hang_engine,
    "continue-engine": Host.continue_engine,
    "restart-engine": Host.restart_engine,
    "kill-worker": Host.kill_worker,
    "start-worker": Host.start_worker,
    "hang-worker": Host.hang_worker,
    "continue-worker": Host.continue_worker,
}
LAB_VERBS: dict[str, Callable[[Lab], object]] = {
    "down": Lab.down,
    "status": lambda lab: print("\n".join(lab.status())),
    "kill-manager": Lab.kill_manager,
    "start-manager": Lab.start_manager,
    "restore": Lab.restore,
}
LONG_RUNS = {
    "certificates": certificates.measure,
    "figures": failovers.measure,
    "kills": failovers.measure_kills,
    "partitions": partitions.measure,
    "glitches": partitions.measure_glitches,
    "restarts": restarts.measure,
    "soak": soak.measure,
    "swarm": swarm.measure,
}


def arguments() -> argparse.ArgumentParser:
    """Return what the command line may say."""
    parser = argparse.ArgumentParser(prog="scripts/lab")
    parser.add_argument("--tag", default="lab", help="which lab, where there are several")
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="make a lab")
    up.add_argument("hosts", type=int, nargs="?", default=3)
    for name, of_lab in LAB_VERBS.items():
        verbs.add_parser(name, help=of_lab.__doc__).set_defaults(of_lab=of_lab)
    for name, of_host in HOST_VERBS.items():
        verb = verbs.add_parser(name, help=of_host.__doc__)
        verb.add_argument("host")
        verb.set_defaults(of_host=of_host)
    for name, what in (("cut", "lose every packet"), ("loss", "lose a share of the packets")):
        verb = verbs.add_parser(name, help=what)
        verb.add_argument("host")
        if name == "loss":
            verb.add_argument("percent", type=float)
        verb.add_argument("--direction", type=Direction, default=Direction.BOTH, choices=Direction)
    long = verbs.add_parser("run", help="a long run in a lab of its own; prints Markdown")
    long.add_argument("scenario", choices=LONG_RUNS)
    long.add_argument(
        "--rounds", type=int, help="how often, or for soak and certificates how many minutes"
    )
    return parser


def obey(chosen: argparse.Namespace) -> None:
    """Do what the command line says."""
    if chosen.verb == "up":
        print("\n".join(Lab.up(chosen.tag, chosen.hosts).status()))
    elif chosen.verb == "run":
        measure = LONG_RUNS[chosen.scenario]
        print(measure(chosen.rounds) if chosen.rounds else measure())
    elif "of_lab" in chosen:
        chosen.of_lab(Lab.attach(chosen.tag))
    else:
        host = Lab.attach(chosen.tag).host(chosen.host)
        if chosen.verb == "cut":
            host.cut(chosen.direction)
        elif chosen.verb == "loss":
            host.lose(chosen.percent, chosen.direction)
        else:
            chosen.of_host(host)


def main() -> int:
    """Return the exit code; what went wrong is said in one line."""
    try:
        obey(arguments().parse_args())
    except (AssertionError, CommandFailed, CubeError, LookupError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
