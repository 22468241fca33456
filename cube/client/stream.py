"""Following what the manager sends as it happens: server-sent events.

Survives a broken connection: it asks again from where it was, and repeats nothing.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Self

from cube.aio.backoff import Backoff
from cube.client.transport import Query, Stream, Transport
from cube.errors import CubeError, ManagerAway
from cube.wire.codec import decode_view
from cube.wire.routes import EVENTS
from cube.wire.views import EventView

SILENCE_SECONDS = 45.0  # events and logs say at least something every 15 s
QUEUE_LIMIT = 1000  # beyond it the reader waits, and TCP slows the manager down
CLOSE_SECONDS = 5.0  # closing wakes the reader at once; one that hangs is a daemon and dies with us


class Feed:
    """The live events after revision `after`, read by a thread so that the caller can wait a while.

    Reconnects for `patience` seconds in a row, then `next` raises ManagerAway.
    """

    def __init__(
        self,
        connect: Callable[[], Transport],
        *,
        task: str | None = None,
        after: int = 0,
        patience: float = 60.0,
    ) -> None:
        self._connect = connect
        self._task = task
        self._last = after
        self._patience = patience
        self._items: queue.Queue[EventView | CubeError] = queue.Queue(QUEUE_LIMIT)
        self._stream: Stream | None = None
        self._gone_since: float | None = None
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._run, name="event feed", daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        if self._stream is not None:
            self._stream.interrupt()
        self._reader.join(CLOSE_SECONDS)

    def next(self, seconds: float | None = None) -> EventView | None:
        """The next event; None when none came within `seconds`."""
        try:
            item = self._items.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(item, CubeError):
            raise item
        return item

    def _run(self) -> None:
        pause = Backoff(0.1, 2.0)
        while not self._closed.is_set():
            try:
                for event in self._events():
                    pause.reset()
                    self._put(event)
                broke = ManagerAway("the manager ended the event stream")
            except ManagerAway as err:
                broke = err
            except CubeError as err:
                self._put(err)
                return
            self._gone_since = self._gone_since or time.monotonic()
            if time.monotonic() - self._gone_since > self._patience:
                self._put(broke)
                return
            self._closed.wait(pause.next())

    def _events(self) -> Iterator[EventView]:
        query: Query = {"task": self._task, "after": self._last}
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self._last)}
        with self._connect().stream(EVENTS, query, headers, read_seconds=SILENCE_SECONDS) as stream:
            self._stream, self._gone_since = stream, None
            if self._closed.is_set():  # before there was a stream to interrupt
                return
            for data in parse_events(stream.lines()):
                event = decode_view(data, EventView)
                if (
                    event.revision > self._last
                ):  # a server that resumes a little early repeats nothing
                    self._last = event.revision
                    yield event

    def _put(self, item: EventView | CubeError) -> None:
        while not self._closed.is_set():
            try:
                return self._items.put(item, timeout=1.0)
            except queue.Full:
                continue


def parse_events(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the data of each server-sent event.

    An event cut off by the end of the stream is dropped, as the standard says: it comes again.
    """
    data: list[bytes] = []
    for text in lines:
        if text.startswith(b"data:"):
            data.append(text[5:].removeprefix(b" "))
        elif not text and data:
            yield b"\n".join(data)
            data = []
