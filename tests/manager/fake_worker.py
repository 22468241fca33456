"""A worker that speaks the session protocol and runs nothing: it says what a test tells it to."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp

from cube.model.allocation import Observed, Phase
from cube.model.ids import AllocationId
from cube.model.node import Facts
from cube.model.orders import Order, Remove, Run
from cube.wire.codec import decode_from_manager, encode_message
from cube.wire.messages import (
    PROTOCOL,
    FromManager,
    FromWorker,
    Hello,
    Instruct,
    Observe,
    Report,
    Welcome,
)
from cube.wire.routes import SESSION
from tests.builders import CAPACITY, node_id

M = TypeVar("M", bound=FromManager)
DEADLINE = 5.0


class FakeWorker:
    """One session. Enter it to dial and say Hello."""

    def __init__(self, url: str, name: str = "w1", **hello: Any) -> None:
        self._url = url
        self.node_id = node_id(name)
        said: dict[str, Any] = {
            "protocol": PROTOCOL,
            "node_id": self.node_id,
            "cluster_id": "",
            "facts": Facts(name=name, capacity=CAPACITY),
        }
        self.hello = Hello(**said | hello)
        self.numbers: list[int] = []  # of the Instructs
        self._sequence = 0
        self._observed = 0
        self._kept: list[FromManager] = []

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        self.socket = await self._http.ws_connect(self._url + SESSION, compress=0)
        await self.say(self.hello)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.socket.close()
        await self._http.close()

    async def say(self, message: FromWorker) -> None:
        """Send a message."""
        await self.socket.send_bytes(encode_message(message))

    async def hear(self) -> FromManager | None:
        """Return the next message; None when the manager closed."""
        async with asyncio.timeout(DEADLINE):
            frame = await self.socket.receive()
        if frame.type is not aiohttp.WSMsgType.BINARY:
            return None
        message = decode_from_manager(frame.data)
        if isinstance(message, Instruct):
            self.numbers.append(message.number)
        return message

    async def expect(self, kind: type[M]) -> M:
        """Return the next message of this kind; others are kept for later."""
        for message in self._kept:
            if isinstance(message, kind):
                self._kept.remove(message)
                return message
        while (heard := await self.hear()) is not None:
            if isinstance(heard, kind):
                return heard
            self._kept.append(heard)
        raise AssertionError(f"the session ended before a {kind.__name__}")

    async def welcome(self) -> Welcome:
        """Return the Welcome, having taken the first orders."""
        welcome = await self.expect(Welcome)
        first = await self.expect(Instruct)
        assert first.number == 1
        self._kept.append(first)
        return welcome

    async def orders(self, count: int) -> list[Order]:
        """Return the next orders when there are that many."""
        got: list[Order] = []
        while len(got) < count:
            got += (await self.expect(Instruct)).orders
        return got

    async def report(self, id: AllocationId, phase: Phase, **seen: Any) -> int:
        """Report an allocation, and return the number of the message."""
        self._sequence += 1
        self._observed += 1
        observed = Observed(phase=phase, epoch=1, sequence=self._sequence, **seen)
        await self.say(Observe(number=self._observed, reports=(Report(id, observed),)))
        return self._observed

    async def obey(self, order: Order) -> None:
        """Do at once what is ordered, and say so."""
        match order:
            case Run():
                await self.report(order.id, Phase.RUNNING, container_id="c1")
            case Remove():
                await self.report(order.id, Phase.REMOVED)

    async def closed(self) -> None:
        """Return when the manager has closed the session."""
        while await self.hear() is not None:
            pass
