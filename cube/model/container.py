"""A container as its engine shows it, and the label that says whose it is."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cube.model.allocation import Exit, PortBinding
from cube.model.extras import Share
from cube.model.ids import AllocationId, NodeId
from cube.model.spec import TaskSpec


class RunLabel(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Whose container this is, as its labels say. (allocation, restart) is never used for two containers."""

    cluster_id: str
    node_id: NodeId
    allocation_id: AllocationId
    restart: int
    spec: TaskSpec
    revision: int = 0  # of the ledger when the allocation was assigned
    devices: tuple[Share, ...] = ()


class ContainerState(StrEnum):
    """The engine's word for what a container does, reduced to what cube distinguishes."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    EXITED = "exited"


class ContainerSeen(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One of this worker's containers, as the engine shows it."""

    id: str
    label: RunLabel
    state: ContainerState
    address: str = ""  # its first network address; empty where it has none
    ports: tuple[PortBinding, ...] = ()
    exit: Exit | None = None  # EXITED only
    started_ms: int = 0
    finished_ms: int = 0
    fenced: bool = False  # EXITED because the watchdog killed it when no lease was left


class Fence(msgspec.Struct, frozen=True, gc=False):
    """Containers to be killed at `kill_at` (seconds on the machine's monotonic clock), unless it is moved before."""

    container_ids: tuple[str, ...]
    kill_at: float
