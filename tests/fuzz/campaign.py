"""Requests by their numbers, one after the other, and what is held against the manager for each.

Promises: no answer of 500 or more; each request is answered, or its connection ended, by a deadline; what was refused,
and what must not change anything, has stored nothing; nothing is logged as an error.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

import msgspec

from tests.fuzz.caller import Caller, Heard
from tests.fuzz.draw import draw
from tests.fuzz.request import Due, Request
from tests.fuzz.target import Target
from tests.fuzz.target_process import Inside

CHAPTER = 10_000
"""So many requests have one manager: its memory and its tasks are those of a beginning again."""
TIDIED_EVERY = 250
MOST_FINDINGS = 20  # then something is wrong with all


class Finding(msgspec.Struct, frozen=True):
    """A promise that was not kept."""

    number: int
    about: str
    what: str


class Outcome(msgspec.Struct):
    """What came of some requests."""

    requests: int = 0
    statuses: Counter[int] = msgspec.field(default_factory=Counter)
    findings: list[Finding] = []
    memory_bytes: int = 0
    """The most that a manager had."""
    slowest: float = 0.0
    """Seconds until the answer."""

    def add(self, other: Outcome) -> None:
        """Count the other, too."""
        self.requests += other.requests
        self.statuses += other.statuses
        self.findings += other.findings
        self.memory_bytes = max(self.memory_bytes, other.memory_bytes)
        self.slowest = max(self.slowest, other.slowest)


async def chapter(numbers: Iterable[int]) -> Outcome:
    """Ask a new manager these, in their order. Ends early when most of it goes wrong."""
    outcome = Outcome()
    async with Target() as target:
        caller = Caller(target.port, target.tokens)
        before = await target.inside()
        try:
            for count, number in enumerate(numbers, 1):
                request = draw(number)
                before = await _one(request, caller, target, before, outcome)
                if len(outcome.findings) >= MOST_FINDINGS:
                    break
                if count % TIDIED_EVERY == 0:
                    await target.tidy()
                    outcome.memory_bytes = max(outcome.memory_bytes, target.memory_bytes)
                    before = await target.inside()
        finally:
            caller.close()
    return outcome


async def _one(
    request: Request, caller: Caller, target: Target, before: Inside, outcome: Outcome
) -> Inside:
    loop = asyncio.get_running_loop()
    began = loop.time()
    heard = await caller.ask(request)
    outcome.slowest = max(outcome.slowest, loop.time() - began)
    after = await target.inside()
    outcome.requests += 1
    outcome.statuses.update(heard.statuses or [0])
    outcome.findings += [
        Finding(request.number, request.about, what)
        for what in objections(request, heard, before, after)
    ]
    return after


def objections(request: Request, heard: Heard, before: Inside, after: Inside) -> Iterable[str]:
    """Yield what is wrong with what came of a request."""
    said = f"{heard.statuses} {heard.body[:300]!r}"
    if any(status >= 500 for status in heard.statuses):
        yield f"answered {said}"
    if heard.hung:
        yield f"no answer and no end in time, after {said}"
    if request.due is not Due.ANYTHING and not heard.statuses and not heard.hung:
        yield "the connection ended without an answer"
    if after.errors > before.errors:
        yield f"logged {after.last_error[-1500:]}"
    stored = after.stored > before.stored
    if (
        stored
        and 101 not in heard.statuses
        and not any(200 <= status < 300 for status in heard.statuses)
    ):
        yield f"stored {after.stored - before.stored} rows and refused: {said}"
    if stored and request.safe and request.due is Due.ANSWER:
        yield f"stored {after.stored - before.stored} rows for a method that changes nothing: {said}"
    if (
        request.about == "hidden request"
        and heard.statuses[:1] == [400]
        and len(heard.statuses) > 1
    ):
        yield f"read on behind a request that it could not read: {said}"
