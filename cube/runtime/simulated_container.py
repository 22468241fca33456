"""A container without a process: how it behaves, and where it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from cube.model.allocation import Exit, FailureKind, PortBinding
from cube.model.container import ContainerSeen, ContainerState, RunLabel
from cube.runtime.contract import CommandResult, LogLine
from cube.runtime.failures import Verb


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What an image does when it is pulled and run. Times in seconds."""

    present: bool = True  # on the machine without a pull
    size_bytes: int = 0
    pull_seconds: float = 0.0
    create_seconds: float = 0.0
    start_seconds: float = 0.0
    exits_after: float | None = None  # None: runs until it is stopped
    exit: Exit = Exit(0)
    stop_seconds: float = 0.0  # between the signal and the exit
    stop_exit: Exit = Exit(143)
    deaf: bool = False  # ignores every signal but the last
    command_seconds: float = 0.0
    command: CommandResult = CommandResult(0, "")
    output: tuple[str, ...] = ()  # written to stdout at the start
    failures: Mapping[Verb, FailureKind] = {}  # verbs that always fail on it, and how


class SimulatedContainer:
    """A container, made as cheap as it can be."""

    __slots__ = (
        "_ended",
        "behaviour",
        "exit",
        "finished_ms",
        "id",
        "label",
        "lines",
        "name",
        "ports",
        "started_ms",
        "state",
        "timer",
    )

    def __init__(self, id: str, name: str, label: RunLabel, behaviour: Behaviour) -> None:
        self.id = id
        self.name = name
        self.label = label
        self.behaviour = behaviour
        self.state = ContainerState.CREATED
        self.ports: tuple[PortBinding, ...] = ()
        self.exit: Exit | None = None
        self.started_ms = 0
        self.finished_ms = 0
        self.lines: tuple[LogLine, ...] = ()
        self.timer: asyncio.Task[None] | None = None
        self._ended: asyncio.Event | None = None

    @property
    def alive(self) -> bool:
        """Whether it has processes."""
        return self.state in (ContainerState.RUNNING, ContainerState.PAUSED)

    def seen(self) -> ContainerSeen:
        """Return it as the contract shows it."""
        return ContainerSeen(
            id=self.id,
            label=self.label,
            state=self.state,
            address="127.0.0.1" if self.alive else "",
            ports=self.ports,
            exit=self.exit,
            started_ms=self.started_ms,
            finished_ms=self.finished_ms,
        )

    def begins(self, now_ms: int, ports: tuple[PortBinding, ...]) -> None:
        """Be running from now on."""
        self.state = ContainerState.RUNNING
        self.ports = ports
        self.exit = None
        self.started_ms, self.finished_ms = now_ms, 0
        self.lines += tuple(
            LogLine(at_ns=now_ms * 1_000_000 + number, stream="stdout", text=text)
            for number, text in enumerate(self.behaviour.output)
        )

    def ends(self, now_ms: int, exit: Exit) -> None:
        """Have ended, and let those know who wait for it."""
        self.state = ContainerState.EXITED
        self.ports = ()
        self.exit = exit
        self.finished_ms = now_ms
        if self._ended is not None:
            self._ended.set()
            self._ended = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    async def until_ended(self) -> None:
        """Wait for the end of this run. It must be alive."""
        self._ended = self._ended or asyncio.Event()
        await self._ended.wait()
