"""Who this worker is: an id minted at its first start, kept in its data directory, used by one process at a time."""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path
from typing import Protocol

import msgspec

from cube.errors import Conflict, CubeError
from cube.model.ids import NodeId

NODE_FILE = "node.json"
LOCK_FILE = "worker.lock"


class _Record(msgspec.Struct, omit_defaults=True):
    node_id: str
    cluster_id: str = ""


class Identified(Protocol):
    """Who a worker is, as the worker sees it: `Identity`, or `NamedIdentity` of one without a directory."""

    incarnation: str

    @property
    def node_id(self) -> NodeId:
        """The identity as a worker."""

    @property
    def cluster_id(self) -> str:
        """The cluster that last took it in; empty before the first."""

    def join(self, cluster_id: str) -> None:
        """Remember the cluster."""

    def close(self) -> None:
        """Let go of what keeps it. Repeats safely."""


class NamedIdentity:
    """The identity that follows from a name and is kept nowhere: of simulated workers, thousands in a process.

    A process that is started again under the same name is the same nodes, whose containers are gone.
    """

    def __init__(self, name: str) -> None:
        self.node_id = NodeId(str(uuid.uuid5(_NAMED, name)))
        self.cluster_id = ""
        self.incarnation = uuid.uuid4().hex

    def join(self, cluster_id: str) -> None:
        """Remember the cluster for as long as the process lives."""
        self.cluster_id = cluster_id

    def close(self) -> None:
        """Nothing is held."""


_NAMED = uuid.UUID("5f1d3c0e-6a52-4d0b-9a43-0c8f6c2f7b11")  # any fixed one: names of cube's workers


class Identity:
    """The node id and the cluster it last belonged to. Holds the data directory until `close`."""

    def __init__(self, data: Path) -> None:
        """Take the directory. Conflict when a live worker has it; CubeError when it cannot be used."""
        self._data = data
        self.incarnation = uuid.uuid4().hex
        """Tells this process from a former one, and from another with a copy of its directory."""
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _take_lock(data / LOCK_FILE)
        except OSError as error:
            raise CubeError(
                f"the worker's data directory {data} cannot be used: {error.strerror}",
                hint="choose another one with --data",
            ) from error
        self._record = self._load()

    @property
    def node_id(self) -> NodeId:
        """The identity of this machine as a worker."""
        return NodeId(self._record.node_id)

    @property
    def cluster_id(self) -> str:
        """The cluster that last took it in; empty before the first."""
        return self._record.cluster_id

    def join(self, cluster_id: str) -> None:
        """Remember the cluster, if it is another one than before."""
        if cluster_id != self._record.cluster_id:
            self._record.cluster_id = cluster_id
            self._save()

    def close(self) -> None:
        """Let go of the directory. Repeats safely."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _load(self) -> _Record:
        path = self._data / NODE_FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Record)
        except FileNotFoundError:
            self._record = _Record(str(uuid.uuid4()))
            self._save()
            return self._record
        except msgspec.DecodeError as error:
            self.close()
            # A new identity would orphan the containers of the old one, so that is left to a person.
            raise CubeError(
                f"{path} cannot be read: {error}",
                hint="restore it, or remove it to join as a new worker",
            ) from error

    def _save(self) -> None:
        path = self._data / NODE_FILE
        new = path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(self._record))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)


def _take_lock(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(file, 32).decode(errors="replace").strip() or "unknown"
        os.close(file)
        raise Conflict(
            f"another worker (process {holder}) uses the data directory {path.parent}",
            hint="stop it, or give this worker a directory of its own with --data",
        ) from error
    os.ftruncate(file, 0)
    os.write(file, f"{os.getpid()}\n".encode())
    return file
