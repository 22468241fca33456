"""Many replicas on thousands of simulated workers over real sockets, the ledger on disk: scheduled and running."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.cluster import Cluster, cpu_seconds, resident_bytes
from tests.bench.figures import percentile, table
from tests.bench.plot import Line, picture

START_TIME = "20ms..200ms"
SAMPLE_EVERY = 0.5
SUBMITTERS = 4
CPU_MILLIS, MEMORY_BYTES = 50, 64 << 20  # of a replica
SPARE = 1.25  # a node has room for a quarter more than its share: packing must not leave most nodes empty


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything."""

    tasks: int
    replicas: int
    workers: int
    processes: int  # that the workers are divided among
    seconds: float = 3600.0  # after which the run is over, however far it has come

    @property
    def containers(self) -> int:
        """All replicas of all tasks."""
        return self.tasks * self.replicas


QUICK = Sizes(tasks=20, replicas=500, workers=100, processes=1)


class Sample(msgspec.Struct, frozen=True):
    """What the manager said of itself at a time (seconds from the first submission)."""

    at: float
    stats: dict[str, Any]
    resident_bytes: int


class Course(msgspec.Struct):
    """What was seen of one run."""

    samples: list[Sample] = []
    posts: list[float] = []  # seconds each submission took
    looks: list[float] = []  # seconds each `GET /task/{id}` of a task of one replica took
    big_looks: list[float] = []  # the same of a task with all its replicas
    joined: float = 0.0


async def measure(sizes: Sizes, image: Path | None) -> str:
    """Run it once; write the curves to `image`."""
    course = Course()
    async with Cluster(workers=0) as cluster:
        began = time.perf_counter()
        workers = await cluster.simulate(
            sizes.workers,
            sizes.processes,
            start_time=START_TIME,
            cpu_millis=round(SPARE * sizes.containers / sizes.workers * CPU_MILLIS),
        )
        course.joined = time.perf_counter() - began
        before = [cpu_seconds(one) for one in (cluster.manager_pid, *workers)]
        await _run(cluster, sizes, course)
        after = [cpu_seconds(one) for one in (cluster.manager_pid, *workers)]
        used = [now - then for now, then in zip(after, before, strict=True)]
        memory = sum(resident_bytes(one) for one in workers)
    if image is not None:
        await asyncio.to_thread(image.write_text, _picture(sizes, course))
    return "\n\n".join((_outcome(sizes, course, used, memory), _tenths(course), _meanwhile(course)))


async def _run(cluster: Cluster, sizes: Sizes, course: Course) -> None:
    look_at = await cluster.submit(_spec("probe", 1))
    ids: list[str] = []
    began = time.perf_counter()
    meanwhile: list[asyncio.Task[None]] = [
        asyncio.create_task(_look(cluster, [look_at], course.looks, 0.1), name="looks"),
        asyncio.create_task(_look(cluster, ids, course.big_looks, 0.5), name="looks at all"),
    ]
    names = iter([f"scale-{number}" for number in range(sizes.tasks)])
    meanwhile += [
        asyncio.create_task(_submit(cluster, names, sizes.replicas, ids, course.posts))
        for _ in range(SUBMITTERS)
    ]
    async with asyncio.timeout(2 * sizes.seconds):
        while not _over(sizes, course):
            asked = time.perf_counter()
            async with cluster.session.get("/stats") as answer:
                stats = await answer.json()
            memory = resident_bytes(cluster.manager_pid)
            course.samples.append(Sample(asked - began, stats, memory))
            await asyncio.sleep(SAMPLE_EVERY)
    for task in meanwhile:
        task.cancel()
    await asyncio.gather(*meanwhile, return_exceptions=True)


def _over(sizes: Sizes, course: Course) -> bool:
    last = course.samples[-1] if course.samples else None
    return last is not None and (last.at > sizes.seconds or _running(last) >= sizes.containers)


def _spec(name: str, replicas: int) -> dict[str, Any]:
    return {
        "name": name,
        "image": "busybox",
        "replicas": replicas,
        "cpu_millis": CPU_MILLIS,
        "memory_bytes": MEMORY_BYTES,
    }


async def _submit(
    cluster: Cluster, names: Any, replicas: int, ids: list[str], took: list[float]
) -> None:
    for name in names:
        began = time.perf_counter()
        ids.append(await cluster.submit(_spec(name, replicas)))
        took.append(time.perf_counter() - began)


async def _look(cluster: Cluster, ids: list[str], took: list[float], pause: float) -> None:
    chosen = random.Random(1)
    while True:
        await asyncio.sleep(pause)
        if not ids:
            continue
        began = time.perf_counter()
        async with cluster.session.get(f"/task/{chosen.choice(ids)}") as answer:
            await answer.read()
        took.append(time.perf_counter() - began)


def _running(sample: Sample) -> int:
    return int(sample.stats["replicas_running"]) - 1  # without the task that is looked at


def _scheduled(sample: Sample) -> int:
    return int(sample.stats["allocations"]) - 1


def _outcome(sizes: Sizes, course: Course, used: list[float], workers_memory: int) -> str:
    took = course.samples[-1].at
    running = _running(course.samples[-1])
    each = 1e6 / running
    memory = max(sample.resident_bytes for sample in course.samples)
    rows = [
        ("tasks x replicas, nodes", f"{sizes.tasks:,} x {sizes.replicas:,}, {sizes.workers:,}"),
        ("nodes joined in", f"{course.joined:.1f} s"),
        ("running at the end", f"{running:,} after {took:.1f} s"),
        ("containers per second", f"{running / took:,.0f}"),
        ("manager: processor", f"{used[0]:.1f} s, {used[0] * each:.0f} us a container"),
        ("manager: memory", f"{memory / 2**20:,.0f} MiB, {memory / running:,.0f} B each"),
        ("workers: processor", f"{sum(used[1:]):.1f} s, {sum(used[1:]) * each:.0f} us a container"),
        ("workers: memory", f"{workers_memory / 2**20:,.0f} MiB"),
    ]
    return table(("what", "figure"), rows)


def _tenths(course: Course) -> str:
    """How fast each tenth of the containers came: the last as fast as the first, or not."""
    rows = []
    for name, count in (("scheduled", _scheduled), ("running", _running)):
        most = count(course.samples[-1])
        times = [
            next(one.at for one in course.samples if count(one) >= most * tenth / 10)
            for tenth in range(1, 11)
        ]
        lengths = [now - then for now, then in zip(times, [0.0, *times[:-1]], strict=True)]
        rows.append((name, *(f"{length:.1f}" for length in lengths)))
    columns = ("seconds for each tenth", *(f"{tenth}." for tenth in range(1, 11)))
    return table(columns, rows)


def _meanwhile(course: Course) -> str:
    lag_p99 = max(sample.stats["loop_lag_ms"] for sample in course.samples)
    lag_most = max(sample.stats["loop_lag_max_ms"] for sample in course.samples)
    rows = [
        _latency_row("`GET /task/{id}`, 1 replica", course.looks),
        _latency_row("`GET /task/{id}`, all replicas", course.big_looks),
        _latency_row("`POST /task`", course.posts),
        ("the manager's loop, late by", "", "", f"{lag_p99:.1f}", f"{lag_most:.1f}"),
    ]
    return table(("meanwhile", "n", "p50 ms", "p99 ms", "most ms"), rows)


def _latency_row(name: str, samples: list[float]) -> tuple[str, str, str, str, str]:
    shown = (percentile(samples, share) * 1000 for share in (0.5, 0.99, 1.0))
    p50, p99, most = (f"{value:.1f}" for value in shown)
    return (name, str(len(samples)), p50, p99, most)


def _picture(sizes: Sizes, course: Course) -> str:
    curves = [
        Line(name, [(sample.at, count(sample)) for sample in course.samples])
        for name, count in (("scheduled", _scheduled), ("running", _running))
    ]
    title = f"{sizes.containers:,} simulated containers on {sizes.workers:,} nodes, 2 cores"
    return picture(title, "seconds since the first task was sent", "containers", curves)
