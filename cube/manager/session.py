"""The manager's side of one worker's session: what is to be said to it, in order and within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from cube.aio.wakeup import Wakeup
from cube.model.ids import NodeId
from cube.model.orders import Order
from cube.wire.codec import encode_message
from cube.wire.messages import MAX_MESSAGE_BYTES, Acknowledge, FromManager, Instruct

WRITE_SECONDS = 5.0  # longer than a lease: a worker that does not read is not there
ORDERS_AHEAD = 20_000
"""Unsent; a worker that is so far behind does better to come again and be compared."""
MESSAGES_AHEAD = 1_000
"""Answers to leases and reports, one each; an honest worker waits for its answers."""
ORDERS_AT_ONCE = 256
INSTRUCT_BYTES = MAX_MESSAGE_BYTES // 4
FRAMES_PER_SECOND = 500
"""With orders or acknowledgements, to all workers together; one costs as much as five containers in it. In a large
cluster each worker is told less often and more at once, and reports so, too: it waits for its acknowledgement."""
UNPACED_NODES = (
    50  # where no worker waits: all of them at once are as many as in a twentieth of a second
)


class Session:
    """One worker's session. Everything put in is sent in order by `write`, leases ahead of orders."""

    def __init__(self, node_id: NodeId, pause: Callable[[], float] = lambda: 0.0) -> None:
        """`pause` tells how long (seconds) to gather orders and acknowledgements after each frame with some."""
        self.node_id = node_id
        self._pause = pause
        self._gathers_until = 0.0
        self._recorded: Acknowledge | None = None
        self.lease = 0.0  # seconds, as its worker was last told
        self.closed = ""  # why; empty while it is open
        self._messages: deque[bytes] = deque()
        self._orders: deque[Order] = deque()
        self._instructed = 0  # the number of the last Instruct
        self._owes_orders = False
        self._wakeup = Wakeup()
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()

    def heard(self) -> None:
        """The worker has said something."""
        self._heard_at = self._loop.time()

    @property
    def silence(self) -> float:
        """For how long it has said nothing. Seconds."""
        return self._loop.time() - self._heard_at

    def say(self, message: FromManager) -> None:
        """Send a message ahead of the orders that wait: a lease must not stand in line behind a thousand of them."""
        if len(self._messages) >= MESSAGES_AHEAD:
            return self.close("it does not read what it asked for")
        self._messages.append(encode_message(message))
        self._wakeup.set()

    def acknowledge(self, number: int) -> None:
        """Tell that the reports up to this number are recorded, with the next orders or soon."""
        self._recorded = Acknowledge(number=number)
        self._owe()

    def instruct(self, orders: list[Order]) -> None:
        """Send orders after all earlier ones. None at all is a message too: the answer to a Hello."""
        # The whole answer to a Hello may be longer than any bound; it comes when nothing else waits.
        if self._orders and len(self._orders) + len(orders) > ORDERS_AHEAD:
            return self.close("it is too far behind with its orders")
        self._orders.extend(orders)
        self._owes_orders = True
        self._owe()

    def close(self, reason: str) -> None:
        """End the session; the worker comes again and is told everything anew. The first reason stays."""
        self.closed = self.closed or reason
        self._wakeup.set()

    async def write(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Send all that is put in until the session is closed. TimeoutError when the worker does not read."""
        while not self.closed:
            left = self._gathers_until - self._loop.time()
            if (frame := self._next_frame(gathering=left > 0)) is None:
                await self._wakeup.wait(left if left > 0 else None)
                continue
            async with asyncio.timeout(WRITE_SECONDS):
                await send(frame)

    def _owe(self) -> None:
        """Wake the writer, unless it gathers: then it looks by itself when that is over."""
        if self._loop.time() >= self._gathers_until:
            self._wakeup.set()

    @property
    def _owes(self) -> bool:
        return self._owes_orders or self._recorded is not None

    def _next_frame(self, *, gathering: bool) -> bytes | None:
        if self._messages:
            return self._messages.popleft()
        if gathering:
            return None
        if self._recorded is not None:
            frame, self._recorded = encode_message(self._recorded), None
        elif self._owes_orders:
            frame = self._next_instruct()
        else:
            return None
        if not self._owes:
            self._gathers_until = self._loop.time() + self._pause()
        return frame

    def _next_instruct(self) -> bytes:
        """Take as many orders as fit well into one message, and number it."""
        self._instructed += 1
        count = min(len(self._orders), ORDERS_AT_ONCE)
        while True:
            orders = tuple(self._orders[index] for index in range(count))
            frame = encode_message(Instruct(number=self._instructed, orders=orders))
            if len(frame) <= INSTRUCT_BYTES or count <= 1:
                break
            count //= 2
        for _ in range(count):
            self._orders.popleft()
        self._owes_orders = bool(self._orders)
        return frame


class Sessions:
    """The present session of each connected node."""

    def __init__(self) -> None:
        self._by_node: dict[NodeId, Session] = {}

    def enter(self, session: Session) -> None:
        """Make it the node's present session; an older one is closed."""
        if before := self._by_node.get(session.node_id):
            before.close("the worker opened another session")
        self._by_node[session.node_id] = session

    def leave(self, session: Session) -> None:
        """Forget it, unless another has taken its place."""
        if self._by_node.get(session.node_id) is session:
            del self._by_node[session.node_id]

    def of(self, node_id: NodeId) -> Session | None:
        """Return the node's present session."""
        return self._by_node.get(node_id)

    def deliver(self, node_id: NodeId, orders: list[Order]) -> None:
        """Send orders to the node. Without a session they are dropped: its next Hello is answered with all of them."""
        if session := self._by_node.get(node_id):
            session.instruct(orders)

    def pause(self) -> float:
        """Return how long each session gathers what it is to send, by how many there are. Seconds."""
        return max(0, len(self._by_node) - UNPACED_NODES) / FRAMES_PER_SECOND

    def close(self, reason: str) -> None:
        """Close all."""
        for session in self._by_node.values():
            session.close(reason)

    def __len__(self) -> int:
        return len(self._by_node)
