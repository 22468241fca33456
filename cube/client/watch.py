"""Following everything there is: the typed messages of `GET /watch`, over broken connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from cube.aio.backoff import Backoff
from cube.client.transport import Transport
from cube.errors import ManagerAway
from cube.wire.codec import decode_view
from cube.wire.routes import WATCH
from cube.wire.views import EventView, NodeView
from cube.wire.watch import (
    AttentionView,
    Beat,
    Gone,
    Resync,
    Skipped,
    Snapshot,
    WatchedTask,
    WatchKind,
)

SILENCE_SECONDS = 10.0  # it beats every second

_VIEWS: dict[str, type[Any]] = {
    WatchKind.RESYNC: Resync,
    WatchKind.SNAPSHOT: Snapshot,
    WatchKind.TASK: WatchedTask,
    WatchKind.TASK_GONE: Gone,
    WatchKind.NODE: NodeView,
    WatchKind.NODE_GONE: Gone,
    WatchKind.ATTENTION: AttentionView,
    WatchKind.EVENT: EventView,
    WatchKind.SKIPPED: Skipped,
    WatchKind.BEAT: Beat,
}


class Message(NamedTuple):
    """One message: what it is of, and its view."""

    kind: WatchKind
    view: Any


class _Raw(NamedTuple):
    kind: str
    data: bytes
    id: str


def watch(
    connect: Callable[[], Transport], *, patience: float, sleep: Callable[[float], None]
) -> Iterator[Message]:
    """Yield the messages as they come, and go on where a broken connection left off.

    After `patience` seconds in a row without a manager it raises ManagerAway. Kinds that this version does not know
    are left out. A snapshot of which a part is missing comes again from its first part.
    """
    last, pause = "", Backoff(0.1, 2.0)
    gone_since: float | None = None
    while True:
        try:
            headers = {"Accept": "text/event-stream"}
            if last:
                headers["Last-Event-ID"] = last
            with connect().stream(WATCH, {}, headers, read_seconds=SILENCE_SECONDS) as stream:
                for raw in parse_messages(stream.lines()):
                    gone_since, last = None, raw.id or last
                    pause.reset()
                    if (view := _VIEWS.get(raw.kind)) is not None:
                        yield Message(WatchKind(raw.kind), decode_view(raw.data, view))
            broke = ManagerAway("the manager ended the stream")
        except ManagerAway as error:
            broke = error
        gone_since = gone_since or time.monotonic()
        if time.monotonic() - gone_since > patience:
            raise broke
        sleep(pause.next())


def parse_messages(lines: Iterable[bytes]) -> Iterator[_Raw]:
    """Yield each server-sent event with its kind and id. One that was cut off by the end is dropped."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        if name:
            fields[name] = value.removeprefix(b" ")
        elif not line:
            if b"data" in fields:
                kind, id = fields.get(b"event", b""), fields.get(b"id", b"")
                yield _Raw(kind.decode(), fields[b"data"], id.decode())
            fields = {}
