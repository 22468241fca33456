"""A machine to run containers on, real or simulated, with the hands of somebody who is not cube."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from uuid import uuid4

from cube.model.allocation import Exit
from cube.model.container import ContainerSeen, ContainerState, RunLabel
from cube.model.ids import NodeId, TaskId, allocation_id
from cube.model.spec import TaskSpec
from cube.runtime.contract import CommandResult, Runtime
from cube.runtime.docker import DockerRuntime
from cube.runtime.simulated import SimulatedRuntime
from cube.runtime.simulated_container import Behaviour
from cube.runtime.simulated_engine import SimulatedEngine

DEADLINE = 20.0  # a shared engine may be busy


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Return the first true answer of the condition; fail after the deadline."""
    async with asyncio.timeout(DEADLINE):
        while not (found := await condition()):
            await asyncio.sleep(0.01)
        return found


async def until_exited(runtime: Runtime, container_id: str) -> ContainerSeen:
    """Return the container as it looks once it has ended."""

    async def exited() -> ContainerSeen | None:
        seen = await runtime.inspect(container_id)
        return seen if seen and seen.state is ContainerState.EXITED else None

    found: ContainerSeen = await until(exited)
    return found


class Machine(Protocol):
    """What the contract suite needs of a machine beside the runtime itself."""

    node_id: NodeId
    runtime: Runtime

    def runs(self, **fields: Any) -> TaskSpec:
        """A task that runs until it is stopped, and answers `echo out; exit 3` inside."""

    def exits(self, code: int) -> TaskSpec:
        """A task that soon exits by itself."""

    def deaf(self) -> TaskSpec:
        """A task that ignores every signal it may ignore."""

    def writes(self) -> TaskSpec:
        """A task that writes the lines one, two and three, and exits."""

    def command_hangs(self) -> TaskSpec:
        """A task in which the command `sleep 60` takes its time."""

    def another_runtime(self, node_id: NodeId) -> Runtime:
        """The same engine, seen by another worker or by the next process of the same."""

    async def take_name(self, name: str) -> None:
        """Let a stranger have a container of this name."""

    def take_port(self) -> int:
        """Let a stranger listen on a port."""

    async def pause(self, container_id: str) -> None:
        """Freeze the container behind the worker's back."""

    async def remove(self, container_id: str) -> None:
        """Remove the container behind the worker's back."""

    async def close(self) -> None:
        """Leave the machine as it was found."""


def a_label(machine: Machine, spec: TaskSpec, **fields: Any) -> RunLabel:
    """Return the label of a run on this machine; `slot` and `generation` go into its allocation."""
    allocation = allocation_id(
        TaskId("6e1c5fb0-9b0f-4f6d-9d7a-3a1f6a0c2b11"),
        fields.pop("slot", 1),
        fields.pop("generation", 1),
    )
    defaults: dict[str, Any] = {
        "cluster_id": "contract",
        "node_id": machine.node_id,
        "allocation_id": allocation,
        "restart": 0,
        "spec": spec,
    }
    return RunLabel(**defaults | fields)


async def started(machine: Machine, spec: TaskSpec, **fields: Any) -> ContainerSeen:
    """Return a container of this task, created and started."""
    created = await machine.runtime.create(a_label(machine, spec, **fields))
    return await machine.runtime.start(created.id)


def _fresh_node() -> NodeId:
    return NodeId(f"test-{uuid4()}")


class SimulatedMachine:
    """A machine in memory."""

    def __init__(self) -> None:
        said = CommandResult(3, "out\n")
        self.engine = SimulatedEngine(
            {
                "runs": Behaviour(command=said),
                "exits-0": Behaviour(exits_after=0.01),
                "exits-3": Behaviour(exits_after=0.01, exit=Exit(3)),
                "deaf": Behaviour(deaf=True),
                "writes": Behaviour(output=("one", "two", "three"), exits_after=0.05),
                "command-hangs": Behaviour(command_seconds=60),
                "missing:nope": Behaviour(present=False),
            }
        )
        self.node_id = _fresh_node()
        self.runtime: Runtime = SimulatedRuntime(self.node_id, self.engine)

    def runs(self, **fields: Any) -> TaskSpec:
        return TaskSpec(**{"name": "web", "image": "runs"} | fields)

    def exits(self, code: int) -> TaskSpec:
        return self.runs(image=f"exits-{code}")

    def deaf(self) -> TaskSpec:
        return self.runs(image="deaf")

    def writes(self) -> TaskSpec:
        return self.runs(image="writes")

    def command_hangs(self) -> TaskSpec:
        return self.runs(image="command-hangs")

    def another_runtime(self, node_id: NodeId) -> Runtime:
        return SimulatedRuntime(node_id, self.engine)

    async def take_name(self, name: str) -> None:
        self.engine.take_name(name)

    def take_port(self) -> int:
        self.engine.take_port(8080)
        return 8080

    async def pause(self, container_id: str) -> None:
        self.engine.pause(container_id)

    async def remove(self, container_id: str) -> None:
        self.engine.remove(container_id)

    async def close(self) -> None:
        await self.runtime.close()
        await self.engine.close()


class DockerMachine:
    """This machine, with its engine. Every test has a node id of its own, so none sees another's containers."""

    def __init__(self) -> None:
        self.node_id = _fresh_node()
        self.runtime: Runtime = DockerRuntime(self.node_id)
        self._others: list[Runtime] = []
        self._strangers: list[str] = []
        self._sockets: list[socket.socket] = []

    def runs(self, **fields: Any) -> TaskSpec:
        # The first process of a container hears only the signals it asks for.
        waiting = ("sh", "-c", "trap 'exit 143' TERM; sleep 300 & wait")
        return TaskSpec(**{"name": "web", "image": "busybox:latest", "command": waiting} | fields)

    def exits(self, code: int) -> TaskSpec:
        return self.runs(command=("sh", "-c", f"exit {code}"))

    def deaf(self) -> TaskSpec:
        return self.runs(command=("sleep", "300"))

    def writes(self) -> TaskSpec:
        # The pause lets a follower arrive while it still runs.
        return self.runs(command=("sh", "-c", "echo one; echo two; echo three; sleep 0.5"))

    def command_hangs(self) -> TaskSpec:
        return self.runs()

    def another_runtime(self, node_id: NodeId) -> Runtime:
        self._others.append(DockerRuntime(node_id))
        return self._others[-1]

    async def take_name(self, name: str) -> None:
        await docker("create", "--name", name, "busybox:latest", "true")
        self._strangers.append(name)

    def take_port(self) -> int:
        listener = socket.create_server(("0.0.0.0", 0))
        self._sockets.append(listener)
        port: int = listener.getsockname()[1]
        return port

    async def pause(self, container_id: str) -> None:
        await docker("pause", container_id)

    async def remove(self, container_id: str) -> None:
        await docker("rm", "-f", container_id)

    async def close(self) -> None:
        for listener in self._sockets:
            listener.close()
        for runtime in [self.runtime, *self._others]:
            for seen in await runtime.containers():
                await runtime.remove(seen.id)
            await runtime.close()
        for name in self._strangers:
            await docker("rm", "-f", name)


async def docker(*arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> str:
    """Return what docker's own command says; fail where it fails."""
    process = await asyncio.create_subprocess_exec(
        "docker",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
    )
    async with asyncio.timeout(60):
        output, errors = await process.communicate(stdin)
    assert process.returncode == 0, f"docker {' '.join(arguments)}: {errors.decode()}"
    return output.decode()
