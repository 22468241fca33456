"""What the worker's core asks of its shell."""

from __future__ import annotations

import msgspec

from cube.model.allocation import Observed
from cube.model.container import Fence
from cube.model.extras import Share
from cube.model.ids import AllocationId
from cube.model.orders import Description
from cube.model.spec import HealthCheck, TaskSpec


class Pull(msgspec.Struct, frozen=True, gc=False):
    """Fetch the image."""

    id: AllocationId
    image: str


class Create(msgspec.Struct, frozen=True, gc=False):
    """Make the container of run `restart`, or find the one already made."""

    id: AllocationId
    restart: int
    spec: TaskSpec
    revision: int = 0
    devices: tuple[Share, ...] = ()


class Start(msgspec.Struct, frozen=True, gc=False):
    """Start a container that was made."""

    id: AllocationId
    container_id: str


class Halt(msgspec.Struct, frozen=True, gc=False):
    """Stop a running container: signal, grace, kill."""

    id: AllocationId
    container_id: str
    signal: str
    grace_ms: int


class Discard(msgspec.Struct, frozen=True, gc=False):
    """Remove a container."""

    id: AllocationId
    container_id: str


Step = Pull | Create | Start | Halt | Discard
"""At most one is in flight per allocation. Each is answered by StepDone, StepFailed or StepCancelled."""


class Probe(msgspec.Struct, frozen=True, gc=False):
    """Ask once whether the container works; the port is resolved. Answered by Probed."""

    id: AllocationId
    container_id: str
    address: str
    port: int
    check: HealthCheck


class WorkerEffects(msgspec.Struct):
    """The consequence of one input. `reports` are the newest observations: an older one of the same allocation
    need not be sent any more. `look_again_at` is the monotonic second at which the core wants a Tick; None: never.
    `look_at_all` asks for a full comparison now: something may be there that the core was not told of. `fence`
    replaces the one before and is to be told before any step is begun; None: it stays as it was.
    """

    fence: Fence | None = None
    steps: list[Step] = []
    cancel: list[AllocationId] = []  # whose pull is of no use any more
    probes: list[Probe] = []
    reports: dict[AllocationId, Observed] = {}
    descriptions: list[Description] = []  # as asked for by the manager
    look_at_all: bool = False
    look_again_at: float | None = None
