"""What a lab made on this machine, written down before it is made, so that it can be taken away by whoever finds it.

Processes need no list of their own: each is in one of the recorded network namespaces, or dies with the first
process of its host, which is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.lab.marks import Mark, mark
from tests.lab.shell import run

RUN = Path("/run/cube-lab")  # short: the path of a Unix socket ends at 108 bytes
DATA = Path("/var/tmp/cube-lab")  # not memory: three engines' images and layers
CGROUPS = Path("/sys/fs/cgroup")
FILE = "lab.json"
_SAVING = threading.Lock()  # hosts are booted side by side


class Record(msgspec.Struct, kw_only=True):
    """One lab."""

    tag: str
    owner: Mark | None  # None: it stays until it is taken down
    live_restore: bool = True
    certificate_seconds: float = 0.0  # over 0: no tunnels; hosts join by TLS, for so long at a time
    port: int = 0  # where the manager is reached from outside
    hosts: int = 0
    namespaces: list[str] = []  # names under /run/netns
    cgroups: list[str] = []  # folders at the top of every hierarchy
    processes: dict[str, Mark] = {}  # "manager", "engine 2", ...: for those who want to hurt them

    @property
    def run(self) -> Path:
        """Sockets, logs and this record."""
        return RUN / self.tag

    @property
    def token(self) -> Path:
        """The token that hosts join by, where they do."""
        return self.run / "token"

    @property
    def data(self) -> Path:
        """What survives a crash."""
        return DATA / self.tag

    def save(self) -> None:
        """Write it down; a crash leaves the old or the new one whole."""
        with _SAVING:
            self.run.mkdir(parents=True, exist_ok=True)
            new = self.run / f"{FILE}.new"
            new.write_bytes(msgspec.json.encode(self))
            new.rename(self.run / FILE)

    def erase(self) -> None:
        """Take away everything that the record names. Repeats safely, also where a former try was interrupted."""
        for name in self.namespaces:
            _empty_namespace(name)
        for name in self.cgroups:
            _remove_cgroup(name)
        for name in self.namespaces:
            if Path("/run/netns", name).exists():
                run("ip", "netns", "del", name)
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.run)
        for folder in (DATA, RUN):
            with contextlib.suppress(OSError):  # other labs are in it
                folder.rmdir()


def read(tag: str) -> Record:
    """Return the lab of that name. LookupError when there is none."""
    try:
        return msgspec.json.decode((RUN / tag / FILE).read_bytes(), type=Record)
    except FileNotFoundError:
        raise LookupError(f"there is no lab {tag}; scripts/lab up makes one") from None


def abandoned() -> Iterator[Record]:
    """Yield the labs whose owner is dead: of test runs that were killed."""
    for path in sorted(RUN.glob(f"*/{FILE}")):
        record = read(path.parent.name)
        if record.owner is not None and not record.owner.alive:
            yield record


def _empty_namespace(name: str) -> None:
    """Kill every process in a network namespace, and with the first one of a host all its containers."""
    if not Path("/run/netns", name).exists():
        return
    while found := run("ip", "netns", "pids", name).split():
        for pid in found:
            with contextlib.suppress(LookupError):
                process = mark(int(pid))
                process.signal(signal.SIGKILL)
                process.wait()


def _remove_cgroup(name: str) -> None:
    """Remove a folder of empty cgroups from every hierarchy."""
    for top in [CGROUPS / name, *CGROUPS.glob(f"*/{name}")]:
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
