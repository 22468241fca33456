"""What a disk may hold after a power cut, given what was written and synced until then. Pure.

The model: a write is durable once its file was synced after it, a name made or removed once its directory was. Of the
writes to a file that are not durable any may be there, torn at sectors of 512 bytes; a name stands for any of the files
that it stood for since the sync of the directory, or for none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from random import Random
from typing import NamedTuple

SECTOR = 512
FORGET = ("all of it", "nothing of it", "the last of it", "any of it", "any sectors of it")


class Write(NamedTuple):
    """Bytes put into a file."""

    file: str
    offset: int
    data: bytes


class Cut(NamedTuple):
    """A file made as long as this."""

    file: str
    length: int


class Made(NamedTuple):
    """A name that stands for a file from here on, if it did not before."""

    file: str


class Removed(NamedTuple):
    """A name taken away."""

    file: str


class Synced(NamedTuple):
    """Everything written to the file until here is durable. An empty name: the directory."""

    file: str


class Said(NamedTuple):
    """A line that others have heard."""

    line: str


Step = Write | Cut | Made | Removed | Synced | Said
Image = dict[str, bytes]
Change = Write | Cut

_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_FILE = re.compile(r"^\d+<([^>]*)>")
_TEXT = re.compile(r'"([^"]*)"')


def steps_of(trace: str, directory: PurePath) -> list[Step]:
    """Return what the trace says was done to the files of the directory, and what was said on stdout."""
    found = (_step(line, directory) for line in trace.splitlines())
    return [step for step in found if step is not None]


class _Inode:
    """What one file holds, whatever its name: what is durable, and what was done since."""

    def __init__(self) -> None:
        self.durable = b""
        self.pending: list[Change] = []

    def sync(self) -> None:
        self.durable = _applied(self.durable, self.pending)
        self.pending = []


class Disk:
    """A directory as the steps leave it, and what of it is durable."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self._names: dict[str, _Inode] = {}  # as the programs see them
        self._durable: dict[str, _Inode] = {}
        self._since: dict[
            str, list[_Inode | None]
        ] = {}  # since the sync of the directory; None: removed

    def take(self, step: Step) -> None:
        """Do one step."""
        match step:
            case Said(line=line):
                self.acknowledged = int(line) if line.isdigit() else self.acknowledged
            case Synced(file=""):
                self._durable, self._since = dict(self._names), {}
            case Synced(file=file):
                self._inode(file).sync()
            case Made(file=file):
                self._inode(file)
            case Removed(file=file):
                self._names.pop(file, None)
                self._since.setdefault(file, []).append(None)
            case _:
                self._inode(step.file).pending.append(step)

    def image(self, draw: Random) -> Image:
        """Return what may be left of it when the power fails now."""
        image: Image = {}
        for name in sorted(self._durable.keys() | self._since.keys()):
            inode = draw.choice([self._durable.get(name), *self._since.get(name, [])])
            if inode is not None:
                kept = _some_of(inode.pending, draw)
                image[name] = _applied(inode.durable, kept)
        return image

    def contents(self) -> Image:
        """Return what the programs see."""
        return {name: _applied(inode.durable, inode.pending) for name, inode in self._names.items()}

    def _inode(self, name: str) -> _Inode:
        if name not in self._names:
            self._names[name] = _Inode()
            self._since.setdefault(name, []).append(self._names[name])
        return self._names[name]


def disk_after(steps: Iterable[Step]) -> Disk:
    """Return the disk as the steps leave it."""
    disk = Disk()
    for step in steps:
        disk.take(step)
    return disk


def _some_of(pending: list[Change], draw: Random) -> Iterator[Change]:
    match draw.choice(FORGET):
        case "all of it":
            return
        case "nothing of it":
            yield from pending
        case "the last of it":
            yield from pending[: draw.randrange(len(pending) + 1)]
        case "any of it":
            yield from (one for one in pending if draw.random() < 0.5)
        case _:
            for one in pending:
                yield from _torn(one, draw) if isinstance(one, Write) else [one]


def _torn(write: Write, draw: Random) -> Iterator[Write]:
    start = 0
    while start < len(write.data):
        # Sectors are those of the disk, not of the write.
        end = start + SECTOR - (write.offset + start) % SECTOR
        if draw.random() < 0.5:
            yield Write(write.file, write.offset + start, write.data[start:end])
        start = end


def _applied(held: bytes, changes: Iterable[Change]) -> bytes:
    data = bytearray(held)
    for change in changes:
        match change:
            case Cut(length=length):
                del data[length:]
                data.extend(bytes(length - len(data)))
            case Write(offset=offset, data=written):
                data.extend(bytes(max(0, offset - len(data))))
                data[offset : offset + len(written)] = written
    return bytes(data)


def _step(line: str, directory: PurePath) -> Step | None:
    call = _CALL.match(line)
    if call is None or int(call[3]) < 0:
        return None
    name, arguments = call[1], call[2]
    if name == "write" and arguments.startswith("1<"):
        return Said(_bytes(_TEXT.findall(arguments)[0]).decode().strip())
    if name == "unlink" or (name == "openat" and "O_CREAT" in arguments):
        path = PurePath(_bytes(_TEXT.findall(arguments)[0]).decode())
        change = Removed if name == "unlink" else Made
        return change(path.name) if path.parent == directory else None
    target = _FILE.match(arguments)
    path = PurePath(_bytes(target[1]).decode()) if target else PurePath()
    if path == directory:
        return Synced("") if name in ("fsync", "fdatasync") else None
    return _on_file(name, arguments, path.name) if path.parent == directory else None


def _on_file(name: str, arguments: str, file: str) -> Step | None:
    match name:
        case "pwrite64":
            offset = int(arguments.rpartition(", ")[2])
            return Write(file, offset, _bytes(_TEXT.findall(arguments)[0]))
        case "ftruncate":
            return Cut(file, int(arguments.rpartition(", ")[2]))
        case "fsync" | "fdatasync":
            return Synced(file)
        case _:
            return None


def _bytes(escaped: str) -> bytes:
    """Return what strace -xx wrote as `\\x41\\x42`."""
    return bytes.fromhex(escaped.replace("\\x", ""))
