"""A container engine in a few dictionaries: it does what it is told within a turn of the loop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable

from msgspec.structs import replace

from cube.model.allocation import Exit, Failure, FailureKind
from cube.model.container import ContainerSeen, ContainerState, RunLabel
from cube.model.resources import Resources
from cube.model.secret import NO_SECRETS, GivenSecrets
from cube.model.usage import Consumption
from cube.runtime.contract import (
    AskAccount,
    CommandResult,
    ContainerEvent,
    EngineFacts,
    Fence,
    Inside,
    LogLine,
    LogOptions,
    PullProgress,
    Resync,
    RuntimeFailure,
)


class SmallEngine:
    """Satisfies the contract of `Runtime`. `away` makes every call fail; `address` is given to containers."""

    def __init__(self) -> None:
        self.seen: dict[str, ContainerSeen] = {}
        self.lines: dict[str, list[str]] = {}
        self.calls: list[str] = []
        self.images_there: list[str] = []
        self.away = ""
        self.address = "127.0.0.1"
        self.pull_forever = False
        self.starting = self.most_starting = 0
        self.closed = False
        self.fenced: Fence | None = None
        self.consumptions: list[Consumption] = []
        self.command_result = CommandResult(0, "")
        self._ids = itertools.count(1)
        self._events: asyncio.Queue[ContainerEvent] = asyncio.Queue(maxsize=1000)
        self._ended: dict[str, asyncio.Event] = {}

    async def facts(self) -> EngineFacts:
        await self._answer("facts")
        return EngineFacts(version="1", platform="linux/amd64", capacity=Resources(4000, 1 << 30))

    async def containers(self) -> list[ContainerSeen]:
        await self._answer("containers")
        return list(self.seen.values())

    async def inspect(self, container_id: str) -> ContainerSeen | None:
        await self._answer("inspect")
        return self.seen.get(container_id)

    async def images(self) -> list[str]:
        await self._answer("images")
        return list(self.images_there)

    async def pull(
        self,
        image: str,
        progress: Callable[[PullProgress], None],
        account: AskAccount | None = None,
    ) -> None:
        self.shown = await account() if account is not None else None
        await self._answer(f"pull {image}")
        progress(PullProgress(done_bytes=43, total_bytes=100))
        if self.pull_forever:
            await asyncio.Event().wait()

    async def create(self, label: RunLabel, given: GivenSecrets = NO_SECRETS) -> ContainerSeen:
        self.starting += 1
        self.most_starting = max(self.most_starting, self.starting)
        try:
            await self._answer(f"create {label.allocation_id}")
        finally:
            self.starting -= 1
        id = f"c{next(self._ids)}"
        self._ended[id] = asyncio.Event()
        self.lines[id] = [f"hello from {id}"]
        return self._put(
            ContainerSeen(id=id, label=label, state=ContainerState.CREATED, address=self.address)
        )

    async def start(self, container_id: str) -> ContainerSeen:
        await self._answer(f"start {container_id}")
        seen = replace(
            self.seen[container_id], state=ContainerState.RUNNING, started_ms=next(self._ids)
        )
        return self._put(seen)

    async def stop(self, container_id: str, signal: str, grace_ms: int) -> ContainerSeen | None:
        await self._answer(f"stop {container_id}")
        if container_id in self.seen:
            self._end(container_id, Exit(143))
        return self.seen.get(container_id)

    async def remove(self, container_id: str) -> None:
        await self._answer(f"remove {container_id}")
        self.seen.pop(container_id, None)

    async def consumption(self, container_id: str) -> Consumption | None:
        await self._answer("consumption")
        return self.consumptions.pop(0) if self.consumptions else None

    async def run_command(
        self, container_id: str, command: tuple[str, ...], timeout_ms: int
    ) -> CommandResult:
        await self._answer(f"run {' '.join(command)}")
        return self.command_result

    async def inherited_fence(self) -> Fence | None:
        return self.fenced

    def fence(self, fence: Fence) -> None:
        self.calls.append(f"fence {' '.join(fence.container_ids)}")
        self.fenced = fence

    async def inside(self, container_id: str) -> Inside:
        message = f"{container_id} has no inside"
        raise RuntimeFailure(Failure(FailureKind.ENGINE_ERROR, message))

    async def events(self) -> AsyncGenerator[ContainerEvent | Resync]:
        yield Resync()
        while True:
            yield await self._events.get()

    async def logs(self, container_id: str, options: LogOptions) -> AsyncGenerator[list[LogLine]]:
        lines = self.lines[container_id]
        if options.tail is not None:
            lines = lines[len(lines) - min(options.tail, len(lines)) :]
        yield [
            LogLine(at_ns=number, stream="stdout", text=text)
            for number, text in enumerate(lines, start=1)
            if number >= options.since_ns
        ]
        if options.follow:
            await self._ended[container_id].wait()

    async def close(self) -> None:
        self.closed = True

    def exits(self, container_id: str, code: int) -> None:
        """The container ends by itself, and an event tells of it."""
        self._end(container_id, Exit(code))
        self._events.put_nowait(ContainerEvent(container_id=container_id, action="die", at_ms=0))

    @property
    def running(self) -> list[str]:
        """The ids of the containers that run."""
        return [id for id, seen in self.seen.items() if seen.state is ContainerState.RUNNING]

    def _end(self, id: str, exit: Exit) -> None:
        self._put(replace(self.seen[id], state=ContainerState.EXITED, exit=exit))
        self._ended[id].set()

    def _put(self, seen: ContainerSeen) -> ContainerSeen:
        self.seen[seen.id] = seen
        return seen

    async def _answer(self, call: str) -> None:
        self.calls.append(call)
        await asyncio.sleep(0)
        if self.away:
            raise RuntimeFailure(Failure(FailureKind.ENGINE_AWAY, self.away))
