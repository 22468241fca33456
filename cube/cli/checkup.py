"""What `cube doctor` makes of what it found: fine, doubtful or wrong, and what is not fine has a fix. Pure."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec

from cube.cli.words import size, span
from cube.errors import CubeError

OLDEST_PYTHON = (3, 11)
SLOW_STORAGE = frozenset({"vfs", "devicemapper", "aufs"})  # a whole copy per container, or given up
DISK_LOW, DISK_OUT = 5 << 30, 1 << 30  # a few images; not even one
CLOCKS_APART = 2.0  # seconds: the manager tells its time in whole ones


class Verdict(StrEnum):
    """How one thing stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at: what was found, and what mends it when it is not fine."""

    name: str
    verdict: Verdict
    found: str
    fix: str = ""


def python(version: tuple[int, ...]) -> Check:
    """Whether this Python is one that cube runs on."""
    text = ".".join(map(str, version[:3]))
    if version[:2] >= OLDEST_PYTHON:
        return Check("python", Verdict.OK, text)
    return Check("python", Verdict.FAIL, f"{text} is too old", "install Python 3.11 or newer")


def engine(url: str, version: str, storage: str, cgroup: str) -> Check:
    """Whether the engine that answered will do."""
    found = f"docker {version} at {url}, storage {storage}, cgroup v{cgroup}"
    if storage in SLOW_STORAGE:
        fix = "use the storage driver overlay2: docs.docker.com/engine/storage/drivers"
        return Check("engine", Verdict.WARN, f"{found}: {storage} is slow", fix)
    return Check("engine", Verdict.OK, found)


def no_engine(error: CubeError) -> Check:
    """The engine did not answer. A machine without a worker needs none."""
    fix = (
        error.hint or "start Docker, or name its address: DOCKER_HOST; not needed without a worker"
    )
    return Check("engine", Verdict.WARN, error.message, fix)


def disk(where: str, free: int, total: int) -> Check:
    """Whether there is room for images and for what the manager records."""
    found = f"{size(free)} of {size(total)} free at {where}"
    fix = "make room: `docker system df` shows what takes it"
    if free < DISK_OUT:
        return Check("disk", Verdict.FAIL, found, fix)
    return Check(
        "disk",
        Verdict.WARN if free < DISK_LOW else Verdict.OK,
        found,
        fix if free < DISK_LOW else "",
    )


def no_manager(error: CubeError, source: str) -> Check:
    """Nobody answers, or who answers is no manager."""
    return Check("manager", Verdict.FAIL, f"{error.message} (by {source})", error.hint)


def manager(address: str, source: str, own: str, theirs: str, recovering: str) -> Check:
    """Whether the manager that answered takes changes and speaks this command's version."""
    found = f"{theirs} at {address} (by {source})"
    if recovering:
        return Check(
            "manager", Verdict.WARN, f"{found}: {recovering}", "see `cube manager recover`"
        )
    if own != theirs:
        fix = "install the same version of cube on both"
        return Check("manager", Verdict.WARN, f"{found}, this command {own}", fix)
    return Check("manager", Verdict.OK, found)


def clock(apart: float) -> Check:
    """Whether two clocks show the same. Nothing is decided by it; logs and ages would mislead."""
    if abs(apart) <= CLOCKS_APART:
        return Check("clock", Verdict.OK, "as the manager's")
    ahead = "ahead of" if apart > 0 else "behind"
    found = f"{span(abs(apart) * 1000)} {ahead} the manager's"
    return Check("clock", Verdict.WARN, found, "let both follow a time server: `timedatectl`")


def port(name: str, number: int, answer: str | None, *, listening: bool) -> Check:
    """Whether a port is free, or held by whom it is meant for; `answer` is what its /healthz said."""
    if not listening:
        return Check(name, Verdict.OK, f"port {number} is free")
    if answer is not None:
        return Check(name, Verdict.OK, f"port {number}: a cube process answers")
    return Check(
        name, Verdict.FAIL, f"port {number} is taken by another program", f"`ss -ltnp sport = :{number}` names it"
    )  # fmt: skip


def worker(number: int, answer: str | None) -> Check:
    """Whether a worker of this machine, if there is one, has its manager and its engine."""
    if answer is None:
        return Check("worker", Verdict.OK, f"none runs here (nobody answers on port {number})")
    if answer.strip() == "ok":
        return Check("worker", Verdict.OK, "connected to its manager")
    return Check("worker", Verdict.FAIL, answer.strip(), "see its log; is its --manager right?")


def directory(name: str, path: Path, state: str) -> Check:
    """Whether a daemon could keep its state there. `state`: missing, writable, open to all, not writable."""
    match state:
        case "not writable":
            fix = f"start it as the owner, or name another with --data: chown {path}"
            return Check(name, Verdict.FAIL, f"{path} cannot be written by this user", fix)
        case "open to all":
            return Check(name, Verdict.WARN, f"{path} can be read by others", f"chmod 700 {path}")
        case "missing":
            return Check(name, Verdict.OK, f"{path} would be made")
        case _:
            return Check(name, Verdict.OK, f"{path} is writable and closed to others")
