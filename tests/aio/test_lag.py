"""A loop that was held is noticed, and for how long."""

from __future__ import annotations

import asyncio
import time

from cube.aio.lag import LagGauge
from cube.aio.supervise import Supervisor


def test_nothing_measured_is_no_lag() -> None:
    assert LagGauge().percentile(1.0) == 0.0


async def test_a_loop_that_was_held_is_noticed() -> None:
    told: list[float] = []
    gauge, held = LagGauge(told.append), 0.1
    async with Supervisor() as supervisor, asyncio.timeout(5):
        supervisor.keep(gauge.run, "lag")
        await asyncio.sleep(0)  # it sleeps now
        until = time.perf_counter() + held
        while time.perf_counter() < until:
            pass  # holds the loop
        while not gauge.percentile(1.0):
            await asyncio.sleep(0)
    assert gauge.percentile(1.0) >= held / 2
    assert max(told) == gauge.percentile(1.0)
