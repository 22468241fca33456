"""The contract between a worker and what runs its containers.

Every verb ends within its own time limit, raises only `RuntimeFailure`, may be cancelled, and may be repeated:
asking again for what is already so is success. An answer that was lost on the way therefore costs nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol

import msgspec

from cube.errors import CubeError
from cube.model.account import Account
from cube.model.allocation import Failure, FailureKind
from cube.model.container import ContainerSeen as ContainerSeen
from cube.model.container import ContainerState as ContainerState
from cube.model.container import Fence as Fence
from cube.model.container import RunLabel as RunLabel
from cube.model.resources import Resources
from cube.model.secret import NO_SECRETS, GivenSecrets
from cube.model.usage import Consumption
from cube.runtime.inside import Inside as Inside


class RuntimeFailure(CubeError):
    """The runtime could not do what was asked; `failure` is the named fact."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure

    @property
    def kind(self) -> FailureKind:
        """The name of the fact."""
        return self.failure.kind


class ContainerPaused(RuntimeFailure):
    """Nothing can run in the container: somebody has paused it."""


class ContainerEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Something happened to one of this worker's containers. A reason to look, never a fact to rely on."""

    container_id: str
    action: str  # the engine's: "die", "oom", "destroy", "pause", "start", …
    at_ms: int


class Resync(msgspec.Struct, frozen=True, gc=False):
    """Events may have been lost (the stream was opened anew): compare everything."""


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine says of itself and its machine."""

    version: str
    platform: str  # "linux/amd64"
    capacity: Resources
    runtime: str = "docker"  # what kind of engine it is


class LogLine(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One line a container wrote. Longer than 16 KiB: cut, with `partial` set on all but the last piece."""

    at_ns: int
    stream: str  # "stdout" | "stderr"
    text: str
    partial: bool = False


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines of a container's log."""

    follow: bool = False
    tail: int | None = None  # None: all
    since_ns: int = 0
    until_ns: int = 0
    stdout: bool = True
    stderr: bool = True


class PullProgress(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How far a pull has come. `total_bytes` is 0 until the registry has told."""

    done_bytes: int = 0
    total_bytes: int = 0
    status: str = ""


class CommandResult(msgspec.Struct, frozen=True, gc=False):
    """What a command run inside a container said, cut at 4 KiB."""

    code: int
    output: str


AskAccount = Callable[[], Awaitable[Account | None]]
"""Returns the account that the registry of an image is shown; None: what the machine itself has, if anything."""


class Runtime(Protocol):
    """What a worker asks of a container engine. One instance serves one worker: it sees only containers whose
    labels name that worker's node id, and never touches another."""

    async def facts(self) -> EngineFacts:
        """Ask the engine who it is. Also the way to learn whether it answers at all."""

    async def containers(self) -> list[ContainerSeen]:
        """All containers of this worker, running or not, in no order."""

    async def inspect(self, container_id: str) -> ContainerSeen | None:
        """One container of this worker, or None when there is no such."""

    async def images(self) -> list[str]:
        """The images that are there, by each name they have, the newest made first."""

    async def pull(
        self,
        image: str,
        progress: Callable[[PullProgress], None],
        account: AskAccount | None = None,
    ) -> None:
        """Fetch the image whatever is there already. One pull per image at a time; later callers join it.

        `account` is asked once, when a pull begins, for who this is to the registry; what it tells is noted nowhere.
        Fails with IMAGE_MISSING, REGISTRY_DENIED, REGISTRY_AWAY or NO_SPACE; ENGINE_SLOW after 60 s without
        progress. Cancelling the last caller cancels the pull.
        """

    async def create(self, label: RunLabel, given: GivenSecrets = NO_SECRETS) -> ContainerSeen:
        """Make the container of this run, or find the one already made. Does not pull: IMAGE_MISSING.

        It gets the secrets that are `given`, which are noted nowhere else.

        A stranger's container of the same name is left alone: another name is taken.
        """

    async def start(self, container_id: str) -> ContainerSeen:
        """Start it and return how it then looks; it may have exited already. Fails with PORT_TAKEN,
        COMMAND_NOT_FOUND, BAD_SPEC, REMOVED_OUTSIDE."""

    async def stop(self, container_id: str, signal: str, grace_ms: int) -> ContainerSeen | None:
        """Signal it (empty: its own stop signal), kill it after the grace, return how it ended.

        None when there is no such container. One that was seen paused is resumed so that it can hear
        the signal.
        """

    async def remove(self, container_id: str) -> None:
        """Remove it with its anonymous volumes, by force when it still runs. Absent already: fine."""

    async def run_command(
        self, container_id: str, command: tuple[str, ...], timeout_ms: int
    ) -> CommandResult:
        """Run a command inside it and wait. ENGINE_SLOW when it takes longer than `timeout_ms`.

        ContainerPaused where it was paused before the command began.
        """

    async def consumption(self, container_id: str) -> Consumption | None:
        """What it has used so far; None when it does not run. Costs the engine a few milliseconds."""

    async def inside(self, container_id: str) -> Inside:
        """What can be done in this container by its streams and files. REMOVED_OUTSIDE where it is not."""

    def events(self) -> AsyncGenerator[ContainerEvent | Resync, None]:
        """Follow what happens to this worker's containers, for ever; the first item is a Resync.

        Survives a restart of the engine: yields a Resync when the engine goes away, reconnects with backoff, and
        yields a Resync again.
        Leaving the iteration frees the connection.
        """

    def logs(self, container_id: str, options: LogOptions) -> AsyncGenerator[list[LogLine], None]:
        """The container's output in order, as many lines at once as there are. Ends when the container has ended and
        all was told, or, without `follow`, at the present end. Leaving the iteration frees the connection."""

    async def inherited_fence(self) -> Fence | None:
        """What a former process of this worker had fenced and still is; None where nothing is. Never fails."""

    def fence(self, fence: Fence) -> None:
        """Have these containers killed at `fence.kill_at` unless called again before: then what was said last holds.

        Holds also while this process is frozen and after its death; by CLOCK_BOOTTIME. Returns at once and never
        fails: what cannot be promised is logged. A container that was killed for this is seen as `fenced`.
        """

    async def close(self) -> None:
        """Let go of all connections. Containers, and what is fenced, are left as they are."""
