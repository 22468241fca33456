"""A36: twenty thousand requests that nobody sane would send. scripts/fuzz sends as many as you like."""

from __future__ import annotations

import asyncio

import pytest

from tests.fuzz.__main__ import ask_all
from tests.fuzz.campaign import Outcome

REQUESTS = 20_000
FIRST = 36
PROCESSES = 2
SECONDS = 240.0  # it takes 30 where nothing else runs


@pytest.mark.slow
async def test_a36_no_request_makes_it_fail_hang_or_store_what_it_refuses() -> None:
    whole = Outcome()
    async with asyncio.timeout(SECONDS):
        for outcome in await asyncio.to_thread(
            list, ask_all(range(FIRST, FIRST + REQUESTS), PROCESSES)
        ):
            whole.add(outcome)
    assert whole.findings == []
    assert whole.requests == REQUESTS
    accepted = sum(times for status, times in whole.statuses.items() if 200 <= status < 300)
    assert REQUESTS / 10 < accepted < REQUESTS / 2, "neither all nonsense nor all sense"
