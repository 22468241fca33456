"""How well each strategy packs: replays public traces through the product's own `place` and inventory.

openb: requests arrive one by one and stay; what counts is how much of the GPUs is given away when they have asked for
so many percent of them. Azure: VMs come and go; what counts is how many equal hosts are needed so that none is refused,
over the hosts that the peak demand fills, and what is refused with just these hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from cube.core.scheduler.demand import Demand
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.place import place
from cube.core.scheduler.strategies import STRATEGIES
from cube.core.scheduler.strategy import Strategy
from cube.model.extras import DEVICE, Share
from cube.model.ids import NodeId, TaskId
from cube.model.node import Facts, Node
from cube.model.resources import Resources
from tests.bench import traces
from tests.bench.figures import table
from tests.bench.traces import GPU, Host, Request, Slice

# Percent of the GPUs. One point alone would flatter those that refuse early.
ARRIVED = (80, 90, 95, 100, 130)
SEEDS = range(42, 52)  # as published
MIXES = ("default", "cpu100")
OFFSETS = range(traces.STEP)
MOST = 8  # times the bound: nothing needs so many


class Held(NamedTuple):
    """What one placed request holds, enough to let it go."""

    node: NodeId
    task: TaskId
    resources: Resources
    devices: tuple[Share, ...]


class Stage:
    """Hosts on which requests are placed one after the other, each a task of its own."""

    def __init__(self, hosts: Iterable[Host], strategy: Strategy) -> None:
        self.inventory = Inventory(_node(host) for host in hosts)
        self.strategy = strategy
        self.placed = 0

    def put(self, request: Request) -> Held | None:
        """Place and record the request. None: no node fits."""
        self.placed += 1
        asked = Demand(
            task_id=TaskId(f"t{self.placed}"),
            resources=Resources(request.cpu_millis, request.memory_bytes),
            extras=((GPU, request.gpu_millis),) if request.gpu_millis else (),
        )
        placement = place(asked, 1, self.inventory, self.strategy)
        if not placement.nodes:
            return None
        devices = placement.devices[0] if placement.devices else ()
        held = Held(placement.nodes[0], asked.task_id, asked.resources, devices)
        self.inventory.hold(held.node, held.task, held.resources, (), held.devices)
        self.inventory.chosen(held.node, self.placed)
        return held

    def free(self, held: Held) -> None:
        """Let go what was placed."""
        self.inventory.let_go(held.node, held.task, held.resources, (), held.devices)


def _node(host: Host) -> Node:
    capacity = Resources(host.cpu_millis, host.memory_bytes)
    extras = {GPU: host.gpus} if host.gpus else {}
    facts = Facts(name=host.name, capacity=capacity, extras=extras)
    return Node(id=NodeId(host.name), facts=facts)


# -- openb ------------------------------------------------------------------------------------------------------------


def allocation(
    hosts: Sequence[Host], requests: Iterable[Request], strategy: Strategy
) -> list[float]:
    """Return what percent of the GPUs is given away, as each of `ARRIVED` percent has been asked for."""
    gpus = sum(host.gpus for host in hosts) * DEVICE
    stage = Stage(hosts, strategy)
    points = list(ARRIVED)
    found: list[float] = []
    asked = given = 0
    for request in requests:
        asked += request.gpu_millis
        while points and asked * 100 > points[0] * gpus:
            found.append(given * 100 / gpus)
            del points[0]
        if not points:
            break
        if request.gpu_millis and stage.put(request):
            given += request.gpu_millis
        elif not request.gpu_millis:
            stage.put(request)
    return found + [given * 100 / gpus] * len(points)


def openb(mix: str, seeds: Sequence[int]) -> str:
    """Return the table of one mix: a row per strategy, and one per published policy."""
    hosts, recorded = traces.openb_hosts(), traces.openb_requests(mix)
    gpus = sum(host.gpus for host in hosts)
    rows: list[list[str]] = []
    for name, strategy in STRATEGIES.items():
        runs = [
            allocation(hosts, traces.arrivals(recorded, gpus, seed), strategy) for seed in seeds
        ]
        rows.append([name, *(_mean(point) for point in zip(*runs, strict=True))])
    columns = [traces.published(mix, arrived) for arrived in ARRIVED]
    for policy in columns[0]:
        rows.append([f"{policy}, published", *(_mean(column[policy]) for column in columns)])
    return table(("strategy", *(f"{arrived} %" for arrived in ARRIVED)), rows)


def _mean(figures: Sequence[float]) -> str:
    spread = f" ({stdev(figures):.2f})" if len(figures) > 1 else ""
    return f"{fmean(figures):.2f}{spread}"


# -- Azure ------------------------------------------------------------------------------------------------------------


def refused(part: Slice, hosts: Sequence[Host], strategy: Strategy) -> list[Request]:
    """Return what finds no place on these hosts as the VMs of the slice come and go."""
    stage = Stage(hosts, strategy)
    held: dict[int, Held] = {}
    missed: list[Request] = []
    for change in part.changes:
        if change < 0:
            if (gone := held.pop(~change, None)) is not None:
                stage.free(gone)
        elif (taken := stage.put(part.sizes[change])) is not None:
            held[change] = taken
        else:
            missed.append(part.sizes[change])
    return missed


def all_fit(part: Slice, hosts: Sequence[Host], strategy: Strategy) -> bool:
    """Whether nothing is refused; ends at the first that is."""
    stage = Stage(hosts, strategy)
    held: dict[int, Held] = {}
    for change in part.changes:
        if change < 0:
            stage.free(held.pop(~change))
        elif (taken := stage.put(part.sizes[change])) is not None:
            held[change] = taken
        else:
            return False
    return True


def needed(part: Slice, host: Host, strategy: Strategy) -> int:
    """Return the fewest hosts on which nothing is refused, by bisection: as if more hosts never did worse."""
    low = part.bound(host)
    high = low * MOST
    while low < high:
        # Most are near the bound, so from the lower end of a wide range.
        middle = (low + high) // 2 if high - low < low else low + low // 8
        if all_fit(part, _alike(host, middle), strategy):
            high = middle
        else:
            low = middle + 1
    return low


def azure(host: Host, offsets: Sequence[int]) -> str:
    """Return the table of one type of host: a row per strategy."""
    parts = [traces.azure_slice(offset, host) for offset in offsets]
    bounds = [part.bound(host) for part in parts]
    rows: list[list[str]] = []
    for name, strategy in STRATEGIES.items():
        over = [
            needed(part, host, strategy) / bound for part, bound in zip(parts, bounds, strict=True)
        ]
        missed = [
            refused(part, _alike(host, bound), strategy)
            for part, bound in zip(parts, bounds, strict=True)
        ]
        worth = [sum(_share(request, host) for request in requests) for requests in missed]
        rows.append(
            [
                name,
                *(f"{figure:.3f}" for figure in (min(over), fmean(over), max(over))),
                f"{fmean(map(len, missed)):.1f}",
                f"{fmean(worth):.1f}",
            ]
        )
    return table(("strategy", "best", "mean", "worst", "refused at bound", "worth hosts"), rows)


def _alike(host: Host, count: int) -> list[Host]:
    return [host._replace(name=f"{host.name}-{number:04}") for number in range(count)]


def _share(request: Request, host: Host) -> float:
    return max(request.cpu_millis / host.cpu_millis, request.memory_bytes / host.memory_bytes)


# -- all of it --------------------------------------------------------------------------------------------------------


async def measure(quick: bool) -> str:
    """Replay all traces, or with `quick` one seed and three slices of each."""
    seeds, offsets = (SEEDS[:1], OFFSETS[::4]) if quick else (SEEDS, OFFSETS)
    tables: Mapping[str, str] = {
        **{
            f"openb, mix {mix}: GPUs given away (%) when so many percent have been asked for, "
            f"mean (sd) of {len(seeds)} seeds": openb(mix, seeds)
            for mix in MIXES
        },
        **{
            f"Azure, hosts of {name}: hosts needed over the bound, {len(offsets)} slices": azure(
                host, offsets
            )
            for name, host in traces.AZURE_HOSTS.items()
        },
    }
    return "\n\n".join(f"{title}\n\n{drawn}" for title, drawn in tables.items())
