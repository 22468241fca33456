"""What containers use, asked of the workers when somebody looks. A quiet cluster is asked nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from cube.manager.session import Sessions
from cube.model.ids import NodeId
from cube.model.usage import AllocationUsage
from cube.wire.messages import Sample, Sampled

WAIT_SECONDS = 3.0  # for a worker; a person looks away after that
FRESH_SECONDS = 1.0  # who asks again within it gets the same: many who look cost no more than one


class Taken(msgspec.Struct, frozen=True):
    """The usage of what runs on one node; None: it did not tell."""

    allocations: tuple[AllocationUsage, ...] | None
    at: float  # seconds on the loop's clock


class Samples:
    """The newest sample of each node, and the questions under way."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._numbers = 0
        self._taken: dict[NodeId, Taken] = {}
        self._asked: dict[NodeId, tuple[int, asyncio.Future[Sampled]]] = {}

    async def take(
        self, node_ids: Iterable[NodeId]
    ) -> dict[NodeId, tuple[AllocationUsage, ...] | None]:
        """Return what runs on these nodes uses; None for a node that is not connected or does not tell in time."""
        ids = list(node_ids)
        found = await asyncio.gather(*(self._of(node_id) for node_id in ids))
        return dict(zip(ids, found, strict=True))

    def arrived(self, node_id: NodeId, sampled: Sampled) -> None:
        """A worker has told. What nobody waits for any more is ignored."""
        number, answer = self._asked.get(node_id, (0, None))
        if answer is not None and number == sampled.number and not answer.done():
            answer.set_result(sampled)

    async def _of(self, node_id: NodeId) -> tuple[AllocationUsage, ...] | None:
        loop = asyncio.get_running_loop()
        taken = self._taken.get(node_id)
        if taken is not None and loop.time() - taken.at < FRESH_SECONDS:
            return taken.allocations
        answer = self._ask(node_id, loop)
        if answer is None:
            return None
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                told: tuple[AllocationUsage, ...] | None = (
                    await asyncio.shield(answer)
                ).allocations
        except TimeoutError:
            told = None
        if self._asked.get(node_id, (0, None))[1] is answer:  # the first of those who waited
            del self._asked[node_id]
            self._taken[node_id] = Taken(told, loop.time())
        return told

    def _ask(
        self, node_id: NodeId, loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[Sampled] | None:
        """Return the answer under way, or ask for one; None without a session."""
        if node_id in self._asked:
            return self._asked[node_id][1]
        session = self._sessions.of(node_id)
        if session is None:
            self._taken.pop(node_id, None)
            return None
        self._numbers += 1
        answer: asyncio.Future[Sampled] = loop.create_future()
        self._asked[node_id] = (self._numbers, answer)
        session.say(Sample(number=self._numbers))
        return answer
