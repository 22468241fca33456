"""A key typed in `cube exec` to its echo, against `docker exec`; and `cube cp` against `docker cp`, both in turns."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import sys
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.cluster import Cluster, spec
from tests.bench.engine import Engine
from tests.bench.figures import LATENCY_COLUMNS, latency_rows, percentile, table

NAME = "bench-exec"
DEADLINE = 10.0
WARM_UP = 20
COPIES = 3
COPY_BYTES = 50 * 1024 * 1024
KEY_PAUSE = 0.02  # faster than anybody types, slower than an echo


class Keyboard:
    """A command on a terminal that gives every key back. Leaving kills it."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._command = command
        self._environment = environment

    def __enter__(self) -> Self:
        self._keys, terminal = pty.openpty()
        tty.setraw(terminal)
        self._process = subprocess.Popen(
            self._command,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=self._environment,
            start_new_session=True,
        )
        os.close(terminal)
        self._until(b"ready")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._keys)

    def echo(self) -> float:
        """Type a key; return the seconds until it is on the screen."""
        began = time.perf_counter()
        os.write(self._keys, b"x")
        self._until(b"x")
        return time.perf_counter() - began

    def _until(self, text: bytes) -> None:
        seen = b""
        deadline = time.monotonic() + DEADLINE
        while text not in seen:
            if not select.select([self._keys], [], [], deadline - time.monotonic())[0]:
                raise TimeoutError(f"{self._command}: {text!r} did not come, but {seen!r}")
            seen += os.read(self._keys, 4096)


async def measure(rounds: int) -> str:
    """Take turns between docker and cube in one container, so that a busy moment hits both."""
    async with Engine() as engine, Cluster() as cluster, cluster.watch() as seen:
        task_id = await cluster.submit(spec(NAME))
        await seen.wait(task_id, "allocation.running")
        [container] = await engine.labelled(f"cube.task.name={NAME}", running=True)
        cube = [sys.executable, "-m", "cube"]
        environment = dict(os.environ) | {"CUBE_MANAGER": f"127.0.0.1:{cluster.port}"}
        docker_echo, cube_echo = await asyncio.to_thread(
            _echoes, rounds, container, cube, environment
        )
        file = cluster.data / "file"
        file.write_bytes(os.urandom(1024 * 1024) * (COPY_BYTES // 1024 // 1024))
        copies = await asyncio.to_thread(_copies, container, cube, environment, file)
    rows = latency_rows({"docker exec": docker_echo, "cube exec": cube_echo}, over="docker exec")
    return table(LATENCY_COLUMNS, rows) + "\n\n" + table(("what", "MB/s", "ratio"), copies)


def _echoes(
    rounds: int, container: str, cube: list[str], environment: dict[str, str]
) -> tuple[list[float], list[float]]:
    program = ["sh", "-c", "echo ready; cat"]  # the echo is that of the terminal in the container
    with (
        Keyboard(["docker", "exec", "-it", container, *program], environment) as directly,
        Keyboard([*cube, "exec", "-it", NAME, *program], environment) as through_cube,
    ):
        taken: tuple[list[float], list[float]] = ([], [])
        for number in range(WARM_UP + rounds):
            for keyboard, samples in zip((directly, through_cube), taken, strict=True):
                time.sleep(KEY_PAUSE)
                seconds = keyboard.echo()
                if number >= WARM_UP:
                    samples.append(seconds)
    return taken


def _copies(
    container: str, cube: list[str], environment: dict[str, str], file: Path
) -> list[tuple[str, str, str]]:
    commands: dict[str, list[str]] = {
        "docker cp, in": ["docker", "cp", "-q", str(file), f"{container}:/tmp/file"],
        "cube cp, in": [*cube, "cp", "-q", str(file), f"{NAME}:/tmp/file"],
        "docker cp, out": ["docker", "cp", "-q", f"{container}:/tmp/file", str(file) + ".back"],
        "cube cp, out": [*cube, "cp", "-q", f"{NAME}:/tmp/file", str(file) + ".back"],
    }
    seconds = {what: _timed(commands[what], environment, COPIES) for what in commands}
    speed = {what: COPY_BYTES / 1e6 / percentile(taken, 0.5) for what, taken in seconds.items()}
    return [
        (what, f"{mbps:.0f}", f"{mbps / speed['docker' + what[what.index(' ') :]]:.2f}")
        for what, mbps in speed.items()
    ]


def _timed(command: list[str], environment: dict[str, str], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
        taken.append(time.perf_counter() - began)
    return taken
