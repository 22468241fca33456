"""Following the log of a task over broken connections: each line once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cube.aio.backoff import Backoff
from cube.client.stream import SILENCE_SECONDS
from cube.client.transport import Query, Transport
from cube.core.log_marks import Progress
from cube.errors import ManagerAway
from cube.wire.codec import decode_view
from cube.wire.log_marks import Place, encode_marks
from cube.wire.views import LogRecord

BREAKS_LIMIT = 15  # about a minute of trying


class _Read:
    """What was read so far: how far each allocation's log, and when its first line was written."""

    def __init__(self) -> None:
        self._progress: dict[Place, Progress] = {}
        self._first_ns = 0

    def note(self, record: LogRecord) -> None:
        """Count one line."""
        place = int(record.name.rpartition(".")[2]), record.generation
        progress = self._progress.get(place)
        if progress is None:
            progress = self._progress[place] = Progress()
        progress.begin_run(record.restart)
        progress.take((record,))
        self._first_ns = self._first_ns or record.at_ns

    def rest(self, query: Query) -> Query:
        """Return what asks for the rest of what `query` asked for."""
        if not self._progress:
            return query
        since_ns = int(query.get("since_ns") or 0)
        if query.get("tail") is not None:
            # Of a log that was not heard of before, what is older was not asked for.
            since_ns = max(since_ns, self._first_ns)
        marks = {place: progress.mark for place, progress in self._progress.items()}
        return {**query, "tail": None, "since_ns": since_ns, "after": encode_marks(marks)}


def follow_log(
    connect: Callable[[], Transport], path: str, query: Query, *, sleep: Callable[[float], None]
) -> Iterator[LogRecord]:
    """Yield log lines until the manager ends the stream. After a break it goes on where each log was left."""
    read = _Read()
    began = False
    breaks = 0
    pause = Backoff(0.1, 5.0)
    while True:
        came = 0
        try:
            with connect().stream(
                path, read.rest(query), {}, read_seconds=SILENCE_SECONDS
            ) as stream:
                began = True
                for line in stream.lines():
                    came += 1
                    if line.strip():  # an empty line keeps the connection alive
                        record = decode_view(line, LogRecord)
                        if not record.warning:
                            read.note(record)
                        yield record
            return
        except ManagerAway:
            if came > 1:  # the first comes with the headers
                breaks = 0
                pause.reset()
            breaks += 1
            if not began or breaks > BREAKS_LIMIT:
                raise
            sleep(pause.next())
