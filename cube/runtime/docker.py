"""The Docker engine as a runtime.

It sees and touches only containers whose labels name its node. Whose a container is was either seen before, or is
looked up before the first touch; so the way from create to running costs three questions and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import msgspec
from msgspec.structs import replace

from cube.model.allocation import Failure, FailureKind
from cube.model.ids import NodeId
from cube.model.policy import CLOSED, HostPolicy
from cube.model.secret import NO_SECRETS, GivenSecrets
from cube.model.usage import Consumption
from cube.runtime.commands import run_command
from cube.runtime.contract import (
    AskAccount,
    CommandResult,
    ContainerEvent,
    ContainerSeen,
    ContainerState,
    EngineFacts,
    Fence,
    Inside,
    LogLine,
    LogOptions,
    Resync,
    RunLabel,
    RuntimeFailure,
)
from cube.runtime.credentials import config_path
from cube.runtime.docker_inside import DockerInside
from cube.runtime.ending import STEP_SECONDS, end, post, wait
from cube.runtime.engine import Engine, Observe, container_path, filters
from cube.runtime.events import follow_events
from cube.runtime.failures import Asked, Refused, Verb, removed_outside, stuck
from cube.runtime.fencing import Fencing
from cube.runtime.images import ListedImage, fetch_image, full_reference, names_of
from cube.runtime.labels import NODE, container_names, same_run
from cube.runtime.logs import read_log
from cube.runtime.policy_check import check_image, check_request
from cube.runtime.pulls import Listener, SharedPulls
from cube.runtime.request import create_body, image_name
from cube.runtime.stats import read_consumption
from cube.runtime.translate import EngineInfo, Inspected, Listed

FACTS_SECONDS = 10.0
LIST_SECONDS = 30.0
INSPECTS_AT_ONCE = 8
KILLED = 128 + 9  # the exit code of what SIGKILL ended


class _Created(msgspec.Struct, frozen=True, rename="pascal"):
    id: str


class _Known(msgspec.Struct, frozen=True, gc=False):
    """A container that is known to be this worker's, and since when it runs.

    The list tells all but that; the endpoint, a new one at each start, tells whether it still holds.
    """

    stop_signal: str  # the one it was made with
    endpoint_id: str = ""
    started_ms: int = 0
    paused: bool = False


class DockerRuntime:
    """Runs the containers of one node on a Docker engine. Promises: see `Runtime`."""

    def __init__(
        self,
        node_id: NodeId,
        url: str = "",
        *,
        policy: HostPolicy = CLOSED,
        fences: Path | None = None,
        observe: Observe | None = None,
    ) -> None:
        """`fences` is a folder of this worker's own, for its watchdog; without one nothing is fenced.

        `policy` is what the machine lets tasks have; `observe` is told of each question to the engine and how it went.
        """
        self._node_id = node_id
        self._policy = policy
        self._engine = Engine(url, observe)
        self._fencing = Fencing(fences, self._engine.url) if fences is not None else None
        self._pulls = SharedPulls(self._fetch)
        self._known: dict[str, _Known] = {}

    async def facts(self) -> EngineFacts:
        """Ask the engine who it is."""
        info = await self._engine.ask_for(EngineInfo, Asked(Verb.FACTS), "info", FACTS_SECONDS)
        return info.facts()

    async def containers(self) -> list[ContainerSeen]:
        """All containers of this worker. Costs one question, and one more for each that ended or is new to us."""
        params = {"all": "1"} | filters(label=[f"{NODE}={self._node_id}"])
        rows = await self._engine.ask_for(
            list[Listed], Asked(Verb.LIST), "containers/json", LIST_SECONDS, params=params
        )
        listed = {row.id for row in rows}
        if self._fencing is not None:
            self._fencing.forget_all_but(listed)
        self._known = {id: known for id, known in self._known.items() if id in listed}
        found: list[ContainerSeen | None] = []
        unclear: list[str] = []
        for row in rows:
            known = self._known.get(row.id)
            if row.ended or known is None or known.endpoint_id != row.endpoint_id:
                unclear.append(row.id)
            else:
                found.append(row.seen(known.started_ms))
        found.extend(await self._inspect_all(unclear))
        return [seen for seen in found if seen is not None]

    async def inspect(self, container_id: str) -> ContainerSeen | None:
        """One container of this worker, or None when there is no such."""
        details = await self._details(container_id)
        seen = details.seen() if details is not None else None
        if details is None or seen is None or seen.label.node_id != self._node_id:
            self._known.pop(container_id, None)
            return None
        self._known[details.id] = _Known(
            seen.label.spec.stop_signal,
            details.endpoint_id,
            seen.started_ms,
            paused=seen.state is ContainerState.PAUSED,
        )
        return replace(seen, fenced=True) if self._was_fenced(seen) else seen

    async def images(self) -> list[str]:
        """The images that are there, by each name they have, the newest made first."""
        asked = Asked(Verb.IMAGES)
        found = await self._engine.ask_for(list[ListedImage], asked, "images/json", LIST_SECONDS)
        return names_of(found)

    async def pull(self, image: str, progress: Listener, account: AskAccount | None = None) -> None:
        """Fetch the image, or join the pull that is under way."""
        check_image(image, self._policy.allows)  # a registry nobody allows is not even asked
        name = image_name(image, self._policy.allows)
        await self._pulls.pull(full_reference(name), progress, account)

    async def create(self, label: RunLabel, given: GivenSecrets = NO_SECRETS) -> ContainerSeen:
        """Make the container of this run, or find the one already made."""
        body = create_body(label, self._policy, given)
        check_request(body, self._policy, given.folder)
        asked = Asked(Verb.CREATE, label.spec.image)
        refusal: Refused | None = None
        for name in container_names(label):
            try:
                raw = await self._engine.ask(
                    asked,
                    "POST",
                    "containers/create",
                    STEP_SECONDS,
                    params={"name": name},
                    body=body,
                )
            except Refused as refused:
                if refused.status != 409:
                    raise
                refusal = refused
                holder = await self.inspect(name)
                if holder is not None and same_run(holder.label, label):
                    return holder
            else:
                container_id = msgspec.json.decode(raw, type=_Created).id
                self._known[container_id] = _Known(label.spec.stop_signal)
                return ContainerSeen(id=container_id, label=label, state=ContainerState.CREATED)
        raise refusal or RuntimeFailure(Failure(FailureKind.NAME_TAKEN, "no name is free"))

    async def start(self, container_id: str) -> ContainerSeen:
        """Start it and return how it then looks; it may have exited already."""
        await self._must_be_ours(container_id)
        await post(self._engine, Verb.START, container_id, "start")
        seen = await self.inspect(container_id)
        if seen is None:
            raise RuntimeFailure(removed_outside(container_id))
        return seen

    async def stop(self, container_id: str, signal: str, grace_ms: int) -> ContainerSeen | None:
        """Signal it, kill it after the grace, return how it ended. None when there is no such container."""
        known = self._known.get(container_id)
        if known is None:
            seen = await self.inspect(container_id)
            if seen is None or seen.state in (ContainerState.CREATED, ContainerState.EXITED):
                return seen
            known = self._known[seen.id]
        try:
            await end(
                self._engine, container_id, known.stop_signal, signal, grace_ms, paused=known.paused
            )
        except Refused as refused:
            if refused.status != 404:
                raise
        except RuntimeFailure as failure:
            if failure.kind is FailureKind.ENGINE_SLOW:
                return await self._ended_or_stuck(container_id)
            raise
        return await self.inspect(container_id)

    async def remove(self, container_id: str) -> None:
        """Remove it with its anonymous volumes, by force when it still runs. Absent already: fine."""
        if container_id not in self._known and await self.inspect(container_id) is None:
            return
        asked = Asked(Verb.REMOVE, container_id)
        path = container_path(container_id, "")
        try:
            await self._engine.ask(
                asked, "DELETE", path, STEP_SECONDS, params={"force": "1", "v": "1"}
            )
        except Refused as refused:
            if refused.status == 409:  # somebody else is removing it
                await wait(self._engine, container_id, "removed", STEP_SECONDS)
            elif refused.status != 404:
                raise
        self._known.pop(container_id, None)

    async def run_command(
        self, container_id: str, command: tuple[str, ...], timeout_ms: int
    ) -> CommandResult:
        """Run a command inside it and wait."""
        await self._must_be_ours(container_id)
        return await run_command(self._engine, container_id, command, timeout_ms)

    async def consumption(self, container_id: str) -> Consumption | None:
        """What it has used so far; None when it does not run."""
        await self._must_be_ours(container_id)
        return await read_consumption(self._engine, container_id)

    async def inside(self, container_id: str) -> Inside:
        """What can be done in it by its streams and files."""
        await self._must_be_ours(container_id)
        return DockerInside(self._engine, container_id)

    def events(self) -> AsyncGenerator[ContainerEvent | Resync, None]:
        """Follow what happens to this worker's containers, for ever."""
        return follow_events(self._engine, self._node_id)

    async def logs(
        self, container_id: str, options: LogOptions
    ) -> AsyncGenerator[list[LogLine], None]:
        """The container's output in order."""
        await self._must_be_ours(container_id)
        details = await self._details(container_id)
        if details is None:
            raise RuntimeFailure(removed_outside(container_id))
        batches = read_log(self._engine, container_id, options, terminal=details.tty)
        async with aclosing(batches):
            async for lines in batches:
                yield lines

    async def inherited_fence(self) -> Fence | None:
        """What a former process of this worker had fenced, and has not moved on."""
        return await self._fencing.inherited() if self._fencing is not None else None

    def fence(self, fence: Fence) -> None:
        """Have these containers killed at that time, unless called again before."""
        if self._fencing is not None:
            self._fencing.guard(fence)

    async def close(self) -> None:
        """Let go of all connections. Containers, and the watchdog of those that are fenced, are left as they are."""
        if self._fencing is not None:
            self._fencing.close()
        await self._pulls.close()
        await self._engine.close()

    def _was_fenced(self, seen: ContainerSeen) -> bool:
        killed = seen.exit is not None and seen.exit.code == KILLED
        return killed and self._fencing is not None and self._fencing.killed(seen.id)

    async def _fetch(self, reference: str, tell: Listener, account: AskAccount | None) -> None:
        own = await account() if account is not None else None
        await fetch_image(self._engine, config_path(), reference, tell, own)

    async def _details(self, container_id: str) -> Inspected | None:
        asked = Asked(Verb.INSPECT, container_id)
        path = container_path(container_id, "json")
        try:
            return await self._engine.ask_for(Inspected, asked, path, STEP_SECONDS)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    async def _inspect_all(self, container_ids: list[str]) -> list[ContainerSeen | None]:
        room = asyncio.Semaphore(INSPECTS_AT_ONCE)

        async def inspect(container_id: str) -> ContainerSeen | None:
            async with room:
                return await self.inspect(container_id)

        # No TaskGroup: before Python 3.13 it forgets a cancellation that comes while one of its tasks fails,
        # as when the engine and the worker are stopped together.
        tasks = [asyncio.create_task(inspect(id), name=f"inspect {id}") for id in container_ids]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _must_be_ours(self, container_id: str) -> None:
        if container_id not in self._known and await self.inspect(container_id) is None:
            raise RuntimeFailure(removed_outside(container_id))

    async def _ended_or_stuck(self, container_id: str) -> ContainerSeen | None:
        # Only an engine that answers now can tell a stuck container from a stuck engine.
        seen = await self.inspect(container_id)
        if seen is None or seen.state is ContainerState.EXITED:
            return seen
        raise RuntimeFailure(stuck(container_id))
