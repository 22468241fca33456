"""What is put into a session and how it leaves."""

from __future__ import annotations

import asyncio

import pytest

from cube.manager import session as session_module
from cube.manager.session import INSTRUCT_BYTES, Session, Sessions
from cube.model.ids import AllocationId
from cube.model.orders import Order, Remove
from cube.wire.codec import decode_from_manager
from cube.wire.messages import Acknowledge, FromManager, Instruct, LeaseHeld
from tests.builders import node_id

W1 = node_id("w1")


class Wire:
    """Takes frames, as slowly as a test wants."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, frame: bytes) -> None:
        await self.open.wait()
        self.frames.append(frame)

    @property
    def messages(self) -> list[FromManager]:
        return [decode_from_manager(frame) for frame in self.frames]

    @property
    def orders(self) -> list[Order]:
        return [order for one in self.messages if isinstance(one, Instruct) for order in one.orders]


def removals(count: int, reason: str = "") -> list[Order]:
    return [Remove(id=AllocationId(f"t.{number}.1"), reason=reason) for number in range(count)]


async def drain(session: Session, wire: Wire) -> None:
    """Send everything that is put in by now."""
    writing = asyncio.create_task(session.write(wire.send))
    for _ in range(5_000):
        await asyncio.sleep(0)
    session.close("drained")
    await writing


async def test_orders_are_numbered_without_gaps_and_keep_their_order() -> None:
    session, wire = Session(W1), Wire()
    wanted = removals(1_000)
    for start in range(0, 1_000, 100):
        session.instruct(wanted[start : start + 100])
    await drain(session, wire)
    assert wire.orders == wanted
    numbers = [one.number for one in wire.messages if isinstance(one, Instruct)]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) < 10


async def test_no_orders_are_an_answer_to_a_hello() -> None:
    session, wire = Session(W1), Wire()
    session.instruct([])
    await drain(session, wire)
    assert wire.messages == [Instruct(number=1, orders=())]


async def test_large_orders_are_split() -> None:
    session, wire = Session(W1), Wire()
    wanted = removals(200, reason="x" * 50_000)
    session.instruct(wanted)
    await drain(session, wire)
    assert wire.orders == wanted
    assert max(map(len, wire.frames)) <= INSTRUCT_BYTES


async def test_a_lease_goes_ahead_of_orders() -> None:
    session, wire = Session(W1), Wire()
    session.instruct(removals(1))
    session.say(LeaseHeld(number=1))
    await drain(session, wire)
    assert isinstance(wire.messages[0], LeaseHeld)


async def test_acknowledgements_and_orders_are_gathered_and_leases_are_not() -> None:
    session, wire = Session(W1, lambda: 3600.0), Wire()
    writing = asyncio.create_task(session.write(wire.send))

    async def settle() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    session.acknowledge(1)
    session.instruct(removals(1))
    await settle()
    session.acknowledge(2)
    session.acknowledge(3)
    session.instruct(removals(1))
    session.say(LeaseHeld(number=7))
    await settle()
    assert wire.messages == [
        Acknowledge(number=1),
        Instruct(number=1, orders=tuple(removals(1))),
        LeaseHeld(number=7),
    ]
    session.close("done")
    await writing


async def test_what_was_gathered_leaves_when_the_pause_is_over() -> None:
    session, wire = Session(W1, lambda: 0.01), Wire()
    writing = asyncio.create_task(session.write(wire.send))
    async with asyncio.timeout(5):
        for number in (1, 2, 3):
            session.acknowledge(number)
            while Acknowledge(number=number) not in wire.messages:
                await asyncio.sleep(0)
    session.close("done")
    await writing


async def test_only_many_sessions_pause() -> None:
    sessions = Sessions()
    for number in range(50):
        sessions.enter(Session(node_id(f"w{number}")))
    assert sessions.pause() == 0
    for number in range(50, 550):
        sessions.enter(Session(node_id(f"w{number}")))
    assert sessions.pause() == 1.0


async def test_a_worker_too_far_behind_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "ORDERS_AHEAD", 10)
    session = Session(W1)
    session.instruct(removals(50))  # an answer to a Hello may be as long as it must
    assert not session.closed
    session.instruct(removals(1))
    assert "behind" in session.closed


async def test_a_worker_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "WRITE_SECONDS", 0.01)
    session, wire = Session(W1), Wire()
    wire.open.clear()
    session.say(LeaseHeld(number=1))
    with pytest.raises(TimeoutError):
        await session.write(wire.send)
    for number in range(session_module.MESSAGES_AHEAD + 1):
        session.say(LeaseHeld(number=number))
    assert "read" in session.closed


async def test_a_second_session_of_a_node_replaces_the_first() -> None:
    sessions, first, second = Sessions(), Session(W1), Session(W1)
    sessions.enter(first)
    sessions.enter(second)
    assert first.closed and not second.closed
    sessions.leave(first)
    assert sessions.of(W1) is second
    sessions.leave(second)
    assert sessions.of(W1) is None
    sessions.deliver(W1, removals(1))  # nobody is there to hear it; the next Hello is told
