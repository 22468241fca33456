"""What a worker reports in one session: gathered, sent in numbered messages, and held until it is on record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NoReturn

from cube.aio.wakeup import Wakeup
from cube.core.worker.inputs import Acknowledged, WorkerInput
from cube.model.allocation import Observed
from cube.model.ids import AllocationId
from cube.model.orders import Description
from cube.wire.messages import Described, FromWorker, Observe, Report

REPORTS_PER_MESSAGE = 500  # about 0.2 MB
DESCRIPTIONS_PER_MESSAGE = 32  # a spec is 64 kB at most


class Reporting:
    """The newest report of each allocation until it is sent, and what was sent until it is recorded."""

    def __init__(
        self,
        send: Callable[[FromWorker], Awaitable[None]],
        tell: Callable[[WorkerInput], None],
        *,
        every: float,
    ) -> None:
        self._send = send
        self._tell = tell
        self._every = every
        self._outbox: dict[AllocationId, Observed] = {}
        self._asked_for: list[Description] = []
        self._unacknowledged: dict[int, tuple[tuple[AllocationId, int], ...]] = {}
        self._to_send = Wakeup()
        self._recorded = Wakeup()

    def begin(self) -> None:
        """Forget what was gathered for the session before: a new one tells everything anew."""
        self._outbox.clear()
        self._asked_for.clear()
        self._unacknowledged.clear()

    def add(self, reports: Mapping[AllocationId, Observed]) -> None:
        """Send these soon, each in the place of an older one of its allocation."""
        if reports:
            self._outbox.update(reports)
            self._to_send.set()

    def describe(self, descriptions: Sequence[Description]) -> None:
        """Send these soon."""
        if descriptions:
            self._asked_for.extend(descriptions)
            self._to_send.set()

    def recorded(self, number: int) -> None:
        """Tell the core that all messages up to this one are on record."""
        done = [n for n in self._unacknowledged if n <= number]
        reports = tuple(pair for n in done for pair in self._unacknowledged.pop(n))
        self._tell(Acknowledged(reports))
        self._recorded.set()

    async def run(self) -> NoReturn:
        """Send what is gathered, one message of reports at a time, for as long as the session lasts."""
        number = 0
        while True:
            await self._to_send.wait()
            while self._outbox:
                number += 1
                await self._send(self._next_reports(number))
                # What happens until these are recorded is gathered: a busy manager hears less often, and more at once.
                while self._unacknowledged:
                    await self._recorded.wait()
            while self._asked_for:
                some = tuple(self._asked_for[:DESCRIPTIONS_PER_MESSAGE])
                del self._asked_for[:DESCRIPTIONS_PER_MESSAGE]
                await self._send(Described(allocations=some))
            # After the send, not before it: what comes alone leaves at once, only a burst is gathered.
            await asyncio.sleep(self._every)

    def _next_reports(self, number: int) -> Observe:
        batch = [id for id, _ in zip(self._outbox, range(REPORTS_PER_MESSAGE), strict=False)]
        reports = tuple(Report(id, self._outbox.pop(id)) for id in batch)
        self._unacknowledged[number] = tuple((one.id, one.observed.sequence) for one in reports)
        return Observe(number=number, reports=reports)
