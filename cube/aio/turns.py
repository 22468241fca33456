"""Letting many tasks that were woken at once go on a few at a time, so that others who wait for the loop get it."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """Lets so many tasks pass in each turn of the loop, in the order in which they came."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._passed = 0  # in this turn
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._due = False

    async def mine(self) -> None:
        """Return when it is this task's turn: at once where few ask. A cancelled one holds up nobody."""
        if not self._waiting and self._passed < self._at_once:
            self._pass()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._wake_next_turn()
        await turn

    def _pass(self) -> None:
        self._passed += 1
        self._wake_next_turn()

    def _wake_next_turn(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._due = False
        self._passed = 0
        while self._waiting and self._passed < self._at_once:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._pass()
