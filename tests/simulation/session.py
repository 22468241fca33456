"""A worker's session with the manager, after `cube.worker.session`: the same messages at the same moments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cube.aio.backoff import Backoff
from cube.core.worker.inputs import (
    Acknowledged,
    LeaseConfirmed,
    Ordered,
    SessionOpened,
    WorkerInput,
)
from cube.model.allocation import Observed
from cube.model.ids import AllocationId
from cube.model.orders import Description
from cube.wire.messages import (
    Acknowledge,
    Described,
    Hello,
    Instruct,
    Lease,
    LeaseHeld,
    Observe,
    Refuse,
    Report,
    Welcome,
)
from cube.worker.reporting import DESCRIPTIONS_PER_MESSAGE, REPORTS_PER_MESSAGE
from cube.worker.session import (
    CONNECT_SECONDS,
    RETRY_FIRST,
    RETRY_LONGEST,
    RETRY_REFUSED,
    SILENT_LEASES,
)
from tests.simulation.network import Connection, Side
from tests.simulation.schedule import Process

REPORT_EVERY = 0.005

Opened = Callable[[Connection | None], None]


class Session:
    """One worker's line to its manager, dialled for ever. `dial` calls back with a connection, or with None."""

    def __init__(
        self,
        process: Process,
        *,
        dial: Callable[[Opened], None],
        hello: Callable[[], Hello],
        runtime_error: Callable[[], str],
        welcomed: Callable[[Welcome], bool],
        tell: Callable[[WorkerInput], None],
        draw: Callable[[], float],
    ) -> None:
        self._process = process
        self._dial = dial
        self._hello = hello
        self._runtime_error = runtime_error
        self._welcomed = welcomed
        self._tell = tell
        self._backoff = Backoff(RETRY_FIRST, RETRY_LONGEST, draw)
        self._attempt = 0  # timers of former ones are of no interest
        self._connection: Connection | None = None
        self.open_since: float | None = None
        """When the manager took this worker in (true time); None without a session."""

    # -- coming and going ---------------------------------------------------------------------------------------

    def run(self) -> None:
        """Dial."""
        self._attempt += 1
        attempt = self._attempt
        self._process.after(CONNECT_SECONDS, self._lose_patience, attempt)
        self._dial(lambda connection: self._process.call(self._connected, attempt, connection))

    def _lose_patience(self, attempt: int) -> None:
        if attempt == self._attempt and self.open_since is None:
            self.end()

    def _connected(self, attempt: int, connection: Connection | None) -> None:
        if attempt != self._attempt:
            if connection is not None:
                connection.close(Side.WORKER)
            return None
        if connection is None:
            return self.end()
        self._connection = connection
        self._sent_at = self._process.clock.monotonic()
        connection.hears(
            Side.MANAGER, lambda message: self._process.call(self._hear, attempt, message)
        )
        connection.say(Side.WORKER, self._hello())

    def end(self, pause: float = 0.0) -> None:
        """End the session or the attempt at one; the next follows after a pause."""
        if self._connection is not None:
            self._connection.close(Side.WORKER)
        self._connection = self.open_since = None
        self._attempt += 1
        self._process.after(pause + self._backoff.next(), self._dial_again, self._attempt)

    def _dial_again(self, attempt: int) -> None:
        if attempt == self._attempt:  # else it was ended once more, and dials again behind that
            self.run()

    def drop(self) -> None:
        """The process is no more; the kernel closes what it had open."""
        if self._connection is not None:
            self._connection.close(Side.WORKER)

    def _begin(self, welcome: Welcome) -> None:
        self.open_since = self._process.schedule.now
        self._backoff.reset()
        self._welcome = welcome
        self._outbox: dict[AllocationId, Observed] = {}
        self._unacknowledged: dict[int, tuple[tuple[AllocationId, int], ...]] = {}
        self._leases: dict[int, float] = {}
        self._lease_number = self._report_number = self._orders_seen = 0
        self._resting = False  # gathering reports since the last message of them
        self._heard_at = self._process.clock.monotonic()
        if not self._welcomed(welcome):
            return self.end()
        self._tell(SessionOpened(welcome.epoch, welcome.lease, self._sent_at))
        return self._process.after(welcome.heartbeat, self._beat, self._attempt, 0)

    # -- saying -------------------------------------------------------------------------------------------------

    def report(self, reports: dict[AllocationId, Observed]) -> None:
        """Send these soon. Without a session they are dropped: the next one tells everything anew."""
        if self.open_since is not None and reports:
            self._outbox.update(reports)
            if not self._resting:
                self._send_reports(self._attempt)

    def _send_reports(self, attempt: int) -> None:
        if attempt != self._attempt or self._connection is None:
            return
        self._resting = bool(self._outbox)
        while self._outbox:
            batch = list(self._outbox)[:REPORTS_PER_MESSAGE]
            reports = tuple(Report(id, self._outbox.pop(id)) for id in batch)
            self._report_number += 1
            self._unacknowledged[self._report_number] = tuple(
                (report.id, report.observed.sequence) for report in reports
            )
            self._connection.say(Side.WORKER, Observe(number=self._report_number, reports=reports))
        if self._resting:
            self._process.after(REPORT_EVERY, self._send_reports, attempt)

    def describe(self, descriptions: Sequence[Description]) -> None:
        """Send these. Without a session they are dropped: the next one is asked anew."""
        if self._connection is None or self.open_since is None:
            return
        for start in range(0, len(descriptions), DESCRIPTIONS_PER_MESSAGE):
            some = tuple(descriptions[start : start + DESCRIPTIONS_PER_MESSAGE])
            self._connection.say(Side.WORKER, Described(allocations=some))

    def beat_now(self) -> None:
        """Send the next lease at once: it carries news of the engine."""
        if self.open_since is not None:
            self._beat(self._attempt, self._lease_number)

    def _beat(self, attempt: int, number: int) -> None:
        if attempt != self._attempt or number != self._lease_number or self._connection is None:
            return None
        now = self._process.clock.monotonic()
        if now - self._heard_at > self._welcome.lease * SILENT_LEASES:
            return self.end()
        self._lease_number += 1
        self._leases[self._lease_number] = now
        self._connection.say(
            Side.WORKER, Lease(number=self._lease_number, runtime_error=self._runtime_error())
        )
        self._process.after(self._welcome.heartbeat, self._beat, attempt, self._lease_number)

    # -- hearing ------------------------------------------------------------------------------------------------

    def _hear(self, attempt: int, message: object) -> None:
        if attempt != self._attempt:
            return None
        match message:
            case LeaseHeld(number=number) if self.open_since is not None:
                self._confirm(number)
            case Acknowledge(number=number) if self.open_since is not None:
                recorded = [n for n in self._unacknowledged if n <= number]
                pairs = [pair for n in recorded for pair in self._unacknowledged.pop(n)]
                self._tell(Acknowledged(tuple(pairs)))
            case Instruct() if self.open_since is not None:
                self._orders_seen += 1
                if message.number != self._orders_seen:
                    return self.end()
                self._tell(Ordered(message.orders))
            case Welcome() if self.open_since is None:
                self._begin(message)
            case Refuse(final=True) if self.open_since is None:
                self.end(RETRY_REFUSED)
            case None | Refuse():
                self.end()
            case _:
                raise AssertionError(f"the manager said {message!r} out of turn")

    def _confirm(self, number: int) -> None:
        sent_at = self._leases.get(number)
        if sent_at is not None:
            self._heard_at = self._process.clock.monotonic()
            self._leases = {n: at for n, at in self._leases.items() if n > number}
            self._tell(LeaseConfirmed(sent_at))
