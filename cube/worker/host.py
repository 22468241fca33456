"""The machine a worker runs on: what it has, what it uses, and the statistics of its own API."""

from __future__ import annotations

import platform
import shutil
import socket
from pathlib import Path
from typing import Any

import psutil

import cube
from cube.instruments import Readings
from cube.model.node import Facts, Usage
from cube.model.resources import Resources
from cube.runtime.contract import EngineFacts
from cube.settings import WorkerSettings

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # the names of image platforms
ENGINE_DATA = Path("/var/lib/docker")  # where images and containers take their room


def name(settings: WorkerSettings) -> str:
    """Return what people call this machine."""
    return settings.name or socket.gethostname()


def facts(settings: WorkerSettings, engine: EngineFacts | None, address: str) -> Facts:
    """Return what the worker says of its machine; `engine` is None while it does not answer."""
    return Facts(
        name=name(settings),
        address=address,
        platform=engine.platform if engine is not None else _platform(),
        capacity=_capacity(settings, engine),
        labels=settings.labels,
        extras=settings.extras,
        engine_version=engine.version if engine is not None else "",
        cube_version=cube.__version__,
        runtime=engine.runtime if engine is not None else settings.runtime,
        policy=settings.policy.allows,
    )


def _platform() -> str:
    machine = platform.machine()
    return f"{platform.system().lower()}/{_MACHINES.get(machine, machine)}"


def _capacity(settings: WorkerSettings, engine: EngineFacts | None) -> Resources:
    seen = engine.capacity if engine is not None else Resources()
    cpu_millis = seen.cpu_millis or (psutil.cpu_count() or 1) * 1000
    memory_bytes = seen.memory_bytes or psutil.virtual_memory().total
    return Resources(
        settings.cpu_millis or cpu_millis,
        settings.memory_bytes or memory_bytes,
        seen.disk_bytes or _disk(settings.data).total,
    )


def _disk(data: Path) -> Any:
    return shutil.disk_usage(ENGINE_DATA if ENGINE_DATA.exists() else data)


def readings(data: Path) -> Readings:
    """Return what the machine has and uses, as metrics."""
    times, memory, disk = psutil.cpu_times()._asdict(), psutil.virtual_memory(), _disk(data)
    told = {mode: times.get(mode, 0.0) for mode in ("user", "system", "idle", "iowait")}
    # What a guest used is in the time of its user already.
    told["other"] = sum(times.get(mode, 0.0) for mode in ("nice", "irq", "softirq", "steal"))
    used = memory.total - memory.available
    return {
        "cube_worker_host_cpu_seconds_total": {(mode,): spent for mode, spent in told.items()},
        "cube_worker_host_cpu_cores": {(): psutil.cpu_count() or 1},
        "cube_worker_host_load1": {(): psutil.getloadavg()[0]},
        "cube_worker_host_memory_bytes": {("total",): memory.total, ("used",): used},
        "cube_worker_host_disk_bytes": {("total",): disk.total, ("used",): disk.used},
    }


class Gauge:
    """Reads what the machine uses. Processor use is that since the reading before."""

    def __init__(self, data: Path) -> None:
        self._data = data
        psutil.cpu_percent(None)  # the first reading has nothing to compare with

    def read(self) -> Usage:
        """Return the present use. Takes less than a millisecond and waits for nothing."""
        memory = psutil.virtual_memory()
        return Usage(
            cpu_millis=round(psutil.cpu_percent(None) * (psutil.cpu_count() or 1) * 10),
            memory_bytes=memory.total - memory.available,
            disk_bytes=_disk(self._data).used,
            load_1m=round(psutil.getloadavg()[0], 2),
        )


def stats(data: Path, task_count: int) -> dict[str, Any]:
    """Return the machine's statistics in the shape of cube's ancestors: memory in kB, disk in bytes, cpu in
    ticks of a hundredth of a second since the start of the machine."""
    return {
        "MemStats": _memory_stats(),
        "DiskStats": _disk_stats(data),
        "CpuStats": _cpu_stats(),
        "LoadStats": _load_stats(),
        "TaskCount": task_count,
    }


def _memory_stats() -> dict[str, int]:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    names = (
        "total",
        "free",
        "available",
        "buffers",
        "cached",
        "active",
        "inactive",
        "shared",
        "slab",
    )
    found = {
        ("mem_" + name if name in ("total", "free", "available") else name): getattr(
            memory, name, 0
        )
        for name in names
    }
    found |= {"swap_total": swap.total, "swap_free": swap.free}
    return {name: amount // 1024 for name, amount in found.items()}


def _disk_stats(data: Path) -> dict[str, int]:
    disk = _disk(data)
    return {"all": disk.total, "used": disk.used, "free": disk.free}


def _cpu_stats() -> dict[str, Any]:
    times = psutil.cpu_times()
    names = (
        "user",
        "nice",
        "system",
        "idle",
        "iowait",
        "irq",
        "softirq",
        "steal",
        "guest",
        "guest_nice",
    )
    return {"id": "cpu"} | {name: round(getattr(times, name, 0.0) * 100) for name in names}


def _load_stats() -> dict[str, float | int]:
    one, five, fifteen = psutil.getloadavg()
    return {
        "last1min": one,
        "last5min": five,
        "last15min": fifteen,
        "process_total": len(psutil.pids()),
    }
