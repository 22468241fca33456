"""Questions to the manager that a step here waits for: sent once, and given up when no answer comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from cube.errors import CubeError
from cube.model.ids import AllocationId

ANSWER_SECONDS = 10.0  # of a manager whose disk is busy
Question = TypeVar("Question")
Answer = TypeVar("Answer")
Key = tuple[AllocationId, str]
"""For which allocation, and what is asked for by its name."""


class Asking(Generic[Question, Answer]):
    """Questions of one kind. Each allocation has one step at a time, so no key is asked for twice at once."""

    def __init__(self, send: Callable[[Question], Awaitable[None]]) -> None:
        self._send = send
        self._open: dict[Key, asyncio.Future[Answer]] = {}

    async def ask(self, key: Key, question: Question) -> Answer | None:
        """Return what the manager answers; None when it cannot be asked now, or says nothing for ten seconds."""
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[key] = waiting
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._send(question)
                return await waiting
        except (TimeoutError, CubeError):
            return None
        finally:
            self._open.pop(key, None)

    def told(self, key: Key, answer: Answer) -> None:
        """Take in an answer. What nobody asked for is dropped."""
        waiting = self._open.get(key)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
