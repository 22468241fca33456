"""Long computations beside the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from cube.aio.aside import Aside
from cube.errors import NotFound, Overloaded


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Computations wait for it, and are let go at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


async def test_it_computes_elsewhere_and_hands_errors_on() -> None:
    aside = Aside("test")
    assert await aside.compute(threading.get_ident) != threading.get_ident()

    def fail() -> None:
        raise NotFound("there is none")

    with pytest.raises(NotFound):
        await aside.compute(fail)
    aside.close()


async def test_the_loop_goes_on_and_too_many_are_turned_away(gate: threading.Event) -> None:
    aside = Aside("test", queue=1)
    under_way = [asyncio.create_task(aside.compute(gate.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="too many"):
        await aside.compute(gate.wait)
    gate.set()
    assert await asyncio.gather(*under_way) == [True, True]
    assert await aside.compute(lambda: 7) == 7
    aside.close()


async def test_what_takes_too_long_is_given_up(gate: threading.Event) -> None:
    aside = Aside("test", seconds=0.01)
    with pytest.raises(Overloaded, match="not done within"):
        await aside.compute(gate.wait)
    aside.close()
