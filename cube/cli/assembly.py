"""Putting workers together with the engines they run containers on."""

from __future__ import annotations

from msgspec.structs import replace

from cube.aio.clock import SystemClock
from cube.model.node import Usage
from cube.model.resources import Resources
from cube.runtime.docker import DockerRuntime
from cube.runtime.inspection import inspect_engine
from cube.runtime.simulated import SimulatedRuntime
from cube.runtime.simulated_engine import SimulatedEngine
from cube.runtime.simulated_script import Chances, Script
from cube.settings import WorkerSettings
from cube.worker.app import Worker
from cube.worker.fleet import Fleet
from cube.worker.identity import Identity, NamedIdentity
from cube.worker.metrics import WorkerMetrics

SIMULATED_COMPARISON = 3600.0  # the event stream of a simulated engine loses nothing
_SIMULATED_DISK = 1 << 40

__all__ = ["Chances", "fleet_of", "inspect_engine", "worker_of"]


def worker_of(settings: WorkerSettings) -> Worker:
    """Return a worker on Docker that has not been started. CubeError when its data cannot be used."""
    identity = Identity(settings.data)
    metrics = WorkerMetrics()
    runtime = DockerRuntime(
        identity.node_id,
        settings.docker,
        policy=settings.policy,
        fences=settings.data / "fences",
        observe=metrics.engine_asked,
    )
    return Worker(settings, runtime, SystemClock(), identity=identity, metrics=metrics)


def fleet_of(settings: WorkerSettings, count: int, chances: Chances) -> Fleet:
    """Return simulated workers `NAME-1`, `NAME-2`, … that have not been started, each on a machine of its own."""
    settings = replace(
        settings,
        own_api=False,
        runtime="simulated",
        timing=replace(settings.timing, full_comparison=SIMULATED_COMPARISON),
    )
    script = Script(chances)
    return Fleet([_simulated(settings, number, script) for number in range(1, count + 1)])


def _simulated(settings: WorkerSettings, number: int, script: Script) -> Worker:
    settings = replace(settings, name=f"{settings.name}-{number}")
    identity, clock = NamedIdentity(settings.name), SystemClock()
    capacity = Resources(settings.cpu_millis, settings.memory_bytes, _SIMULATED_DISK)
    engine = SimulatedEngine(script=script, clock=clock, capacity=capacity)
    runtime = SimulatedRuntime(identity.node_id, engine)
    return Worker(settings, runtime, clock, identity=identity, usage=Usage)
