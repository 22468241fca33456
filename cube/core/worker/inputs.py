"""Everything the worker's core can be told. `began` is the monotonic second at which the shell began to look:
what was changed since then is not contradicted by an older view of it.
"""

from __future__ import annotations

import msgspec

from cube.core.worker.steps import Step
from cube.model.allocation import Failure
from cube.model.container import ContainerSeen
from cube.model.ids import AllocationId
from cube.model.orders import Order


class Ordered(msgspec.Struct, frozen=True):
    """Orders of the manager. What they do not name stays as it is."""

    orders: tuple[Order, ...]


class Looked(msgspec.Struct, frozen=True):
    """All containers of this worker: the full comparison."""

    containers: tuple[ContainerSeen, ...]
    began: float


class Saw(msgspec.Struct, frozen=True):
    """One container, looked at because something happened to it; None: it is gone."""

    container_id: str
    seen: ContainerSeen | None
    began: float


class StepDone(msgspec.Struct, frozen=True):
    """The step succeeded; `seen` is how its container looks now, None where there is none."""

    step: Step
    seen: ContainerSeen | None = None
    took_ms: int = 0


class StepFailed(msgspec.Struct, frozen=True):
    """The step did not succeed, as far as the shell knows: the engine may have done it nevertheless."""

    step: Step
    failure: Failure


class StepCancelled(msgspec.Struct, frozen=True):
    """The step was given up, as asked."""

    step: Step


class Pulled(msgspec.Struct, frozen=True):
    """How far a pull has come."""

    id: AllocationId
    done_bytes: int
    total_bytes: int


class Probed(msgspec.Struct, frozen=True):
    """The answer of one probe; `output` is one line for people.

    `paused`: the container was, before it could be asked. That is not seen of it yet, and says nothing of its health.
    """

    id: AllocationId
    container_id: str
    passed: bool
    output: str = ""
    paused: bool = False


class SessionOpened(msgspec.Struct, frozen=True):
    """The manager took this worker in. Its lease counts from when the hello was sent."""

    epoch: int
    lease: float
    sent_at: float


class LeaseInherited(msgspec.Struct, frozen=True):
    """A former process of this worker left a watchdog, which kills what is bound at this monotonic second."""

    kill_at: float


class LeaseConfirmed(msgspec.Struct, frozen=True):
    """The manager has the lease that was sent at this monotonic second. `lease`: how long it counts, 0: as before."""

    sent_at: float
    lease: float = 0.0


class Acknowledged(msgspec.Struct, frozen=True):
    """These observations are in the ledger: allocation and sequence."""

    reports: tuple[tuple[AllocationId, int], ...]


class Tick(msgspec.Struct, frozen=True):
    """Time has passed."""


WorkerInput = (
    Ordered
    | Looked
    | Saw
    | StepDone
    | StepFailed
    | StepCancelled
    | Pulled
    | Probed
    | SessionOpened
    | LeaseInherited
    | LeaseConfirmed
    | Acknowledged
    | Tick
)
