"""Putting a worker together with the engine it runs containers on."""

from __future__ import annotations

from cube.aio.clock import SystemClock
from cube.runtime.docker import DockerRuntime
from cube.settings import WorkerSettings
from cube.worker.app import Worker
from cube.worker.identity import Identity


def worker_of(settings: WorkerSettings) -> Worker:
    """Return a worker on Docker that has not been started. CubeError when its data cannot be used."""
    identity = Identity(settings.data)
    runtime = DockerRuntime(identity.node_id, settings.docker, fences=settings.data / "fences")
    return Worker(settings, runtime, SystemClock(), identity=identity)
