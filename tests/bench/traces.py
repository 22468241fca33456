"""Public traces of what clusters are asked for, as requests and nodes for the placement benchmark.

The data is not part of the repository: it is read from `CUBE_TRACES`, or from `traces` in the directory `shared` beside
this repository. Sources, which are to be cited with results:
- openb: Q. Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient
  Descent", USENIX ATC 2023; trace and published results from hkust-adsl/kubernetes-scheduler-simulator (Apache-2.0);
- Azure: O. Hadary et al., "Protean: VM Allocation Service at Scale", OSDI 2020, with the sizes that S. M. Iqbal et al.,
  "CoSpot", SoCC 2022, derived for it; DCResourceManage/cospot-socc2022 (CC-BY-4.0).
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from cube.model.extras import DEVICE

GPU = "gpu"
OVERLOAD = 1.3  # upstream goes on until the requests ask for so many times the GPUs there are
STEP = 12  # every 12th VM of the sample: as much as some 40 hosts carry

MISSING = """no trace data at {folder}: set CUBE_TRACES to a directory with
  openb/openb_node_list_gpu_node.csv, openb/openb_pod_list_{{default,cpu100}}.csv   (data/csv of
  github.com/hkust-adsl/kubernetes-scheduler-simulator) and its analysis_allo_discrete.csv (experiments/analysis),
  azure_packing2020_cospot/vm_1pct_batched_0.csv   (workloads of github.com/DCResourceManage/cospot-socc2022)"""


class Host(NamedTuple):
    """A machine to be filled."""

    name: str
    cpu_millis: int
    memory_bytes: int
    gpus: int = 0


class Request(NamedTuple):
    """What one task asks for. `gpu_millis`: part of a device, or a multiple of whole ones."""

    cpu_millis: int
    memory_bytes: int
    gpu_millis: int = 0


class Slice(NamedTuple):
    """A part of the Azure sample: the sizes of its VMs, and arrivals (number) and departures (~number) in order."""

    sizes: list[Request]
    changes: list[int]

    def bound(self, host: Host) -> int:
        """Return how many hosts the demand at its peak fills if it could be cut at will: no policy needs fewer."""
        cpu = memory = most_cpu = most_memory = 0
        for change in self.changes:
            size = self.sizes[max(change, ~change)]
            sign = 1 if change >= 0 else -1
            cpu, memory = cpu + sign * size.cpu_millis, memory + sign * size.memory_bytes
            most_cpu, most_memory = max(most_cpu, cpu), max(most_memory, memory)
        return math.ceil(max(most_cpu / host.cpu_millis, most_memory / host.memory_bytes))


# The machine types of the trace in the units that CoSpot derived, which stand in no relation to cores or bytes.
AZURE_HOSTS = {
    "type 1": Host("host", 9600, 2250),
    "type 10": Host("host", 6400, 3072),
    "type 16": Host("host", 10400, 2250),
}


def folder() -> Path:
    """Return where the data is. SystemExit with the way to get it where it is not."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "traces"
    found = Path(os.environ.get("CUBE_TRACES") or beside)
    if not (found / "openb").is_dir():
        raise SystemExit(MISSING.format(folder=found))
    return found


def openb_hosts() -> list[Host]:
    """Return the nodes that have GPUs."""
    return [
        Host(row["sn"], int(row["cpu_milli"]), int(row["memory_mib"]), int(row["gpu"]))
        for row in _rows("openb/openb_node_list_gpu_node.csv")
    ]


def openb_requests(mix: str) -> list[Request]:
    """Return the requests of a workload as recorded."""
    return [
        Request(
            int(row["cpu_milli"]),
            int(row["memory_mib"]),
            int(row["num_gpu"]) * int(row["gpu_milli"]),
        )
        for row in _rows(f"openb/openb_pod_list_{mix}.csv")
    ]


def arrivals(recorded: Sequence[Request], gpus: int, seed: int) -> list[Request]:
    """Return the recorded requests, and more drawn from them until they ask for 130 % of the GPUs, in random order."""
    random = Random(seed)
    drawn = list(recorded)
    asked = sum(request.gpu_millis for request in drawn)
    while asked < OVERLOAD * gpus * DEVICE:
        drawn.append(random.choice(recorded))
        asked += drawn[-1].gpu_millis
    random.shuffle(drawn)
    return drawn


def published(mix: str, arrived: int) -> dict[str, list[float]]:
    """Return upstream's allocation in percent when so many percent had arrived: policy -> one figure per seed."""
    figures: dict[str, list[float]] = {}
    for row in _rows("openb/analysis_allo_discrete.csv"):
        if row["workload"] == f"openb_pod_list_{mix}":
            policy = row["sc_policy"].partition("-")[2]
            figures.setdefault(policy, []).append(float(row[str(arrived)]))
    return figures


def azure_slice(offset: int, host: Host) -> Slice:
    """Return every 12th VM from the offset on, without those that are larger than a host."""
    sizes: list[Request] = []
    when: list[tuple[float, bool, int]] = []
    for number, row in enumerate(_rows("azure_packing2020_cospot/vm_1pct_batched_0.csv")):
        size = Request(int(float(row["cores"])), int(float(row["ram"])))
        fits = size.cpu_millis <= host.cpu_millis and size.memory_bytes <= host.memory_bytes
        if number % STEP != offset or not fits:
            continue
        when.append((float(row["starttime"]), True, len(sizes)))
        if math.isfinite(end := float(row["endtime"])):
            when.append((end, False, len(sizes)))  # at one instant departures come first
        sizes.append(size)
    return Slice(sizes, [vm if arrives else ~vm for _, arrives, vm in sorted(when)])


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (folder() / name).open(newline="") as file:
        yield from csv.DictReader(file)
