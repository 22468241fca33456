"""Following the engine's events for ever.

Filtered on the engine's side: health checks of strangers alone would be most of the stream. No event is replayed
after an interruption (an exit while the engine was down leaves none at all); a Resync says so instead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from cube.aio.backoff import Backoff
from cube.model.allocation import Failure, FailureKind
from cube.model.ids import NodeId
from cube.runtime.contract import ContainerEvent, Resync, RuntimeFailure
from cube.runtime.engine import Engine, filters
from cube.runtime.failures import Asked, Verb
from cube.runtime.labels import NODE
from cube.runtime.streams import BrokenStream, Lines

log = logging.getLogger(__name__)

ACTIONS = ["die", "oom", "destroy", "pause", "unpause", "start", "stop", "rename"]
OPEN_SECONDS = 10.0  # the engine sends its headers at once
RETRY_FIRST = 0.1
RETRY_LONGEST = 5.0
STEADY_SECONDS = 10.0  # a stream that lived this long was no failure to connect


class _Actor(msgspec.Struct, frozen=True, rename="pascal"):
    id: str = msgspec.field(default="", name="ID")


class _EngineEvent(msgspec.Struct, frozen=True):
    actor: _Actor = msgspec.field(default=_Actor(), name="Actor")
    action: str = msgspec.field(default="", name="Action")
    time_ns: int = msgspec.field(default=0, name="timeNano")


async def follow_events(
    engine: Engine, node_id: NodeId
) -> AsyncGenerator[ContainerEvent | Resync, None]:
    """Yield a Resync and then the events of this node's containers; again after each interruption.

    When a stream breaks off there is a Resync too: whoever looks then learns at once that the engine is away.
    """
    pause = Backoff(RETRY_FIRST, RETRY_LONGEST)
    now = asyncio.get_running_loop().time
    while True:
        began = now()
        opened = False
        why = "the engine closed it"
        try:
            async with aclosing(_one_stream(engine, node_id)) as events:
                async for event in events:
                    opened = True
                    yield event
        except RuntimeFailure as failure:
            why = str(failure)
        if opened:
            log.info("the event stream broke off: %s; opening it again", why)
            yield Resync()
        else:  # an outage was told when it began
            log.debug("the event stream cannot be opened: %s", why)
        if now() - began > STEADY_SECONDS:
            pause.reset()
        await asyncio.sleep(pause.next())


async def _one_stream(
    engine: Engine, node_id: NodeId
) -> AsyncGenerator[ContainerEvent | Resync, None]:
    params = filters(type=["container"], label=[f"{NODE}={node_id}"], event=ACTIONS)
    asked = Asked(Verb.EVENTS)
    async with engine.open(asked, "GET", "events", OPEN_SECONDS, params=params) as stream:
        yield Resync()  # only now: what happens while the caller lists is already on its way
        lines = Lines()
        while data := await stream.read(None):
            try:
                for line in lines.feed(data):
                    yield _event(line)
            except (msgspec.DecodeError, BrokenStream) as error:
                raise RuntimeFailure(
                    Failure(FailureKind.ENGINE_ERROR, f"the event stream is not readable: {error}")
                ) from error


def _event(line: bytes) -> ContainerEvent:
    event = msgspec.json.decode(line, type=_EngineEvent)
    return ContainerEvent(
        container_id=event.actor.id, action=event.action, at_ms=event.time_ns // 1_000_000
    )
