"""What a worker knows of its engine's images."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cube.worker.images import COMPARISONS, ImageWatch
from tests.worker.small_engine import SmallEngine

LONG = 3600.0


@asynccontextmanager
async def watching(engine: SmallEngine, every: float = LONG) -> AsyncIterator[ImageWatch]:
    watch = ImageWatch(engine, every / COMPARISONS)
    looking = asyncio.create_task(watch.run())
    yield watch
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def until(watch: ImageWatch, *names: str) -> None:
    async with asyncio.timeout(5):
        while watch.names != names:
            await asyncio.sleep(0.01)


async def test_they_are_looked_up_when_asked_for_and_now_and_then() -> None:
    engine = SmallEngine()
    engine.images_there = ["b:1", "a:1"]
    async with watching(engine) as watch:
        watch.look_soon()
        await until(watch, "b:1", "a:1")
        assert engine.calls == ["images"]
    async with watching(engine, every=0.01) as watch:
        await until(watch, "b:1", "a:1")
        engine.images_there = ["a:1"]
        await until(watch, "a:1")


async def test_what_was_pulled_here_last_comes_first_for_as_long_as_it_is_there() -> None:
    engine = SmallEngine()
    engine.images_there = ["b:1", "a:1"]
    async with watching(engine) as watch:
        watch.look_soon()
        await until(watch, "b:1", "a:1")
        watch.pulled("docker.io/library/new")
        assert watch.names == ("new:latest", "b:1", "a:1")
        watch.pulled("a:1")
        assert watch.names == ("a:1", "new:latest", "b:1")
        engine.images_there = ["b:1", "a:1"]
        watch.look_soon()
        await until(watch, "a:1", "b:1")


async def test_an_engine_that_is_away_leaves_what_is_known_as_it_is() -> None:
    engine = SmallEngine()
    async with watching(engine, every=0.01) as watch:
        watch.pulled("a:1")
        engine.away = "no engine"
        calls = len(engine.calls)
        async with asyncio.timeout(5):
            while len(engine.calls) < calls + 2:
                await asyncio.sleep(0.01)
        assert watch.names == ("a:1",)
