"""What a worker and its manager say to each other over the session's WebSocket, as MessagePack.

The worker dials, says Hello and is answered Welcome or Refuse. Then, each at its own pace:

    worker   Lease     every heartbeat                     manager  LeaseHeld    the same number back
    worker   Observe   what it saw, until acknowledged     manager  Acknowledge  once it is in the ledger
                                                           manager  Instruct     orders, numbered without gaps
    worker   Described what the order Describe asks for
                                                           manager  OpenStream   carry this stream to me
                                                           manager  Renew        ask for a new certificate
    worker   Sampled   what its containers use             manager  Sample       tell me once what they use
                                                           manager  OpenTunnel   do this in a container

A worker that misses a number of Instruct closes the session and says Hello again: the answer to that holds
everything it should run and an explicit Remove for everything it should not.
"""

from __future__ import annotations

import msgspec

from cube.model.account import Account
from cube.model.allocation import Observed
from cube.model.ids import AllocationId, NodeId
from cube.model.logs import Mark
from cube.model.node import Facts, Usage
from cube.model.orders import Description, Holding, Order
from cube.model.secret import SecretValue
from cube.model.usage import AllocationUsage
from cube.wire.tunnels import Wish

PROTOCOL = 1
"""Grows when an old peer would misunderstand a new one."""


class Hello(msgspec.Struct, frozen=True, tag="hello", kw_only=True):
    """The worker introduces itself and tells what it holds. `cluster_id` is empty on the very first.

    `incarnation` is minted by each worker process at its start; empty from one that does not know of it.
    `blind`: its engine has not answered yet, so that what it holds is not known. It says hello again when it is.
    `images` are those it has, by the names of its engine: a bounded number, the most useful first.
    """

    protocol: int
    node_id: NodeId
    cluster_id: str
    facts: Facts
    incarnation: str = ""
    holding: tuple[Holding, ...] = ()
    blind: bool = False
    runtime_error: str = ""
    images: tuple[str, ...] = ()


class Lease(msgspec.Struct, frozen=True, tag="lease", kw_only=True, omit_defaults=True):
    """I am alive. `number` grows by one; the worker counts its lease from when it sent this.

    `images` come with it when they are others than told before in this session, else None.
    """

    number: int
    usage: Usage | None = None
    runtime_error: str = ""
    images: tuple[str, ...] | None = None


class Report(msgspec.Struct, frozen=True, gc=False):
    """The newest observation of one allocation."""

    id: AllocationId
    observed: Observed


class Observe(msgspec.Struct, frozen=True, tag="observe", kw_only=True):
    """What the worker saw. Kept and sent again until acknowledged."""

    number: int
    reports: tuple[Report, ...]


class Described(msgspec.Struct, frozen=True, tag="described", kw_only=True):
    """What the worker knows of allocations that it was asked about. Repeats are harmless."""

    allocations: tuple[Description, ...]


class StreamRefused(msgspec.Struct, frozen=True, tag="stream_refused", kw_only=True):
    """The worker cannot carry the stream or the tunnel, and why."""

    stream_id: str
    reason: str


class AskSecret(msgspec.Struct, frozen=True, tag="ask_secret", kw_only=True):
    """The allocation names this secret, and is about to run here. Answered by `TellSecret`."""

    id: AllocationId
    name: str


class AskAccount(msgspec.Struct, frozen=True, tag="ask_account", kw_only=True):
    """The image of the allocation is about to be pulled from this registry. Answered by `TellAccount`."""

    id: AllocationId
    registry: str


class Welcome(msgspec.Struct, frozen=True, tag="welcome", kw_only=True):
    """The manager takes the worker in. Seconds."""

    cluster_id: str
    epoch: int
    heartbeat: float
    lease: float
    revision: int = 0
    """At which the manager's ledger is: never smaller than any it gave out before."""


class Refuse(msgspec.Struct, frozen=True, tag="refuse", kw_only=True):
    """The manager does not take the worker in. `final`: trying again is of no use."""

    reason: str
    final: bool = False


class LeaseHeld(msgspec.Struct, frozen=True, tag="lease_held", kw_only=True):
    """The lease of that number was received. The pace as it is now, which slows as a cluster grows; 0: as before."""

    number: int
    heartbeat: float = 0.0
    lease: float = 0.0


class Acknowledge(msgspec.Struct, frozen=True, tag="acknowledge", kw_only=True):
    """All observations up to this number are recorded."""

    number: int


class Instruct(msgspec.Struct, frozen=True, tag="instruct", kw_only=True):
    """Orders. `number` counts from 1 in each session without gaps; number 1 answers the Hello in full."""

    number: int
    orders: tuple[Order, ...]


class Renew(msgspec.Struct, frozen=True, tag="renew", kw_only=True):
    """Ask for a new certificate now (`routes.CERTIFICATE`): the cluster's roots are changing. Only over TLS."""


class OpenStream(msgspec.Struct, frozen=True, tag="open_stream", kw_only=True):
    """Carry the log of this allocation to me over a connection of its own (`routes.STREAM`, `log_frames`).

    `after`: go on behind what was read before; `tail` is then of no meaning.
    """

    stream_id: str
    id: AllocationId
    follow: bool = False
    tail: int | None = None
    since_ns: int = 0
    until_ns: int = 0
    stdout: bool = True
    stderr: bool = True
    after: Mark | None = None


class Sample(msgspec.Struct, frozen=True, tag="sample", kw_only=True):
    """Tell me once what your containers use: somebody looks. `number` comes back with the answer."""

    number: int


class Sampled(msgspec.Struct, frozen=True, tag="sampled", kw_only=True):
    """What the containers that run use, as far as the engine told in time."""

    number: int
    allocations: tuple[AllocationUsage, ...]


class OpenTunnel(msgspec.Struct, frozen=True, tag="open_tunnel", kw_only=True):
    """Do this in the container of this allocation, over a connection of its own (`routes.TUNNEL`)."""

    tunnel_id: str
    id: AllocationId
    wish: Wish


Errand = OpenStream | OpenTunnel | Sample
"""What somebody asks a worker for through its session, beside orders."""


class TellSecret(msgspec.Struct, frozen=True, tag="tell_secret", kw_only=True):
    """The secret in the version that the allocation has, or why it cannot be had. Kept nowhere on the way."""

    id: AllocationId
    name: str
    secret: SecretValue | None = None
    why: str = ""


class TellAccount(msgspec.Struct, frozen=True, tag="tell_account", kw_only=True):
    """Who the cluster is to the registry; without an account nobody there, or why it cannot be told now."""

    id: AllocationId
    registry: str
    account: Account | None = None
    why: str = ""


Asked = AskSecret | AskAccount
"""What a worker asks for when it needs it, and keeps no longer than it needs it."""

Told = TellSecret | TellAccount
"""The answers to `Asked`."""

FromWorker = Hello | Lease | Observe | Described | StreamRefused | Sampled | Asked
FromManager = Welcome | Refuse | LeaseHeld | Acknowledge | Instruct | Errand | Renew | Told

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""A message beyond this closes the session; both sides split what they send well below it."""
