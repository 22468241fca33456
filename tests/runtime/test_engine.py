"""Talking to an engine that is away, hangs, drops connections or speaks other versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cube.model.allocation import FailureKind
from cube.runtime.contract import RuntimeFailure
from cube.runtime.engine import (
    DEFAULT_URL,
    SHORT_QUESTIONS,
    Engine,
    EngineVersion,
    chosen_version,
    container_path,
)
from cube.runtime.failures import Asked, Refused, Verb
from tests.runtime.fake_engine import FakeEngine

ASKED = Asked(Verb.LIST)


@pytest.fixture
async def engine(fake_engine: FakeEngine) -> AsyncIterator[Engine]:
    one = Engine(fake_engine.url)
    yield one
    await one.close()


@pytest.mark.parametrize(
    ("lowest", "highest", "chosen"),
    [
        ("1.12", "1.41", "v1.41"),
        ("1.24", "1.52", "v1.41"),
        ("1.44", "1.52", "v1.44"),
        ("1.12", "1.40", "v1.40"),
    ],
)
def test_the_tested_version_is_spoken_where_the_engine_knows_it(
    lowest: str, highest: str, chosen: str
) -> None:
    assert chosen_version(EngineVersion(highest, lowest)) == chosen


def test_an_id_cannot_lead_elsewhere() -> None:
    assert container_path("../images", "json") == "containers/..%2Fimages/json"
    assert container_path("abc", "") == "containers/abc"


def test_the_engine_is_where_docker_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert Engine().url == DEFAULT_URL
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    assert Engine().url == "tcp://10.0.0.1:2375"
    assert Engine("unix:///own.sock").url == "unix:///own.sock"


async def test_a_question_is_asked_in_the_chosen_version(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    fake_engine.versions = {"ApiVersion": "1.52", "MinAPIVersion": "1.44"}
    fake_engine.answer("GET", "info", {"a": 1})

    assert await engine.ask(ASKED, "GET", "info", 5) == b'{"a": 1}'
    assert [request.path for request in fake_engine.asked] == ["/v1.44/info"]


async def test_who_watches_is_told_how_each_question_went(fake_engine: FakeEngine) -> None:
    told: list[tuple[str, FailureKind | None]] = []

    def observe(operation: str, seconds: float, failed: FailureKind | None) -> None:
        assert 0 < seconds < 5
        told.append((operation, failed))

    engine = Engine(fake_engine.url, observe)
    fake_engine.answer("GET", "info", {})
    await engine.ask(ASKED, "GET", "info", 5)
    with pytest.raises(RuntimeFailure):
        await engine.ask(Asked(Verb.PULL), "GET", "nothing", 5)
    async with engine.open(Asked(Verb.LOGS), "GET", "info", 5):
        pass
    await engine.close()

    assert told == [("list", None), ("pull", told[1][1]), ("logs", None)]
    assert told[1][1] is not None


async def test_the_version_is_chosen_anew_after_the_engine_was_away(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    fake_engine.answer("GET", "info", {})
    await engine.ask(ASKED, "GET", "info", 5)
    await fake_engine.close()
    with pytest.raises(RuntimeFailure):
        await engine.ask(ASKED, "GET", "info", 5)
    fake_engine.versions = {"ApiVersion": "1.52", "MinAPIVersion": "1.44"}
    await fake_engine.open()

    await engine.ask(ASKED, "GET", "info", 5)

    assert fake_engine.asked[-1].path == "/v1.44/info"


async def test_an_engine_that_is_not_there_is_away(tmp_path: Path) -> None:
    engine = Engine(f"unix://{tmp_path}/none.sock")

    with pytest.raises(RuntimeFailure, match="no such socket") as raised:
        await engine.ask(ASKED, "GET", "info", 5)

    assert raised.value.kind is FailureKind.ENGINE_AWAY
    await engine.close()


async def test_an_engine_that_hangs_is_slow(engine: Engine, fake_engine: FakeEngine) -> None:
    fake_engine.hang("GET", "info")

    with pytest.raises(RuntimeFailure) as raised:
        await engine.ask(ASKED, "GET", "info", 0.05)

    assert raised.value.kind is FailureKind.ENGINE_SLOW


async def test_questions_given_up_leave_room_for_others(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    fake_engine.hang("GET", "info")
    fake_engine.answer("GET", "fine", {})
    for _ in range(2):
        hanging = [engine.ask(ASKED, "GET", "info", 0.05) for _ in range(SHORT_QUESTIONS)]
        outcomes = await asyncio.gather(*hanging, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {RuntimeFailure}

    assert await engine.ask(ASKED, "GET", "fine", 5) == b"{}"


async def test_lasting_questions_take_no_room_from_short_ones(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    fake_engine.hang("POST", "wait")
    fake_engine.answer("GET", "fine", {})
    async with asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(engine.ask(ASKED, "POST", "wait", 30, lasting=True))
            for _ in range(SHORT_QUESTIONS + 8)
        ]
        assert await engine.ask(ASKED, "GET", "fine", 5) == b"{}"
        for task in waiting:
            task.cancel()


async def test_a_connection_that_breaks_is_an_engine_that_is_away(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    fake_engine.stream("GET", "info", b'{"a"', drop=True)

    with pytest.raises(RuntimeFailure) as raised:
        await engine.ask(ASKED, "GET", "info", 5)

    assert raised.value.kind is FailureKind.ENGINE_AWAY


async def test_an_error_is_refused_with_its_status(engine: Engine, fake_engine: FakeEngine) -> None:
    fake_engine.refuse("GET", "info", 500, "out of order")

    with pytest.raises(Refused, match="out of order") as raised:
        await engine.ask(ASKED, "GET", "info", 5)

    assert raised.value.status == 500


async def test_an_answer_of_something_else_is_not_readable(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    fake_engine.answer("GET", "info", ["no", "message"], status=502)
    fake_engine.answer("GET", "version-like", "text")

    with pytest.raises(RuntimeFailure, match="not readable") as raised:
        await engine.ask(ASKED, "GET", "info", 5)
    assert raised.value.kind is FailureKind.ENGINE_ERROR
    with pytest.raises(RuntimeFailure, match="not readable"):
        await engine.ask_for(EngineVersion, ASKED, "version-like", 5)


async def test_a_stream_comes_piece_by_piece_and_may_be_left(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    fake_engine.stream("GET", "events", b"one", b"two")

    async with engine.open(ASKED, "GET", "events", 5) as stream:
        first = await stream.read(5)
    async with engine.open(ASKED, "GET", "events", 5) as stream:
        whole = b""
        while piece := await stream.read(5):
            whole += piece

    assert first.startswith(b"one")
    assert whole == b"onetwo"


async def test_a_stream_that_breaks_is_an_engine_that_is_away(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    fake_engine.stream("GET", "events", b"one", drop=True)

    with pytest.raises(RuntimeFailure) as raised:
        async with engine.open(ASKED, "GET", "events", 5) as stream:
            while await stream.read(5):
                pass

    assert raised.value.kind is FailureKind.ENGINE_AWAY


async def test_an_engine_may_be_far_away(fake_engine: FakeEngine) -> None:
    fake_engine.answer("GET", "info", {})
    engine = Engine(await fake_engine.open_tcp())

    assert await engine.ask(ASKED, "GET", "info", 5) == b"{}"
    await engine.close()


async def test_a_certificate_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    engine = Engine("tcp://127.0.0.1:1")

    with pytest.raises(RuntimeFailure, match=f"certificate in {tmp_path} cannot be read") as raised:
        await engine.ask(ASKED, "GET", "info", 5)

    assert raised.value.kind is FailureKind.ENGINE_AWAY


async def test_a_closed_engine_can_be_asked_again(engine: Engine, fake_engine: FakeEngine) -> None:
    fake_engine.answer("GET", "info", {})
    await engine.ask(ASKED, "GET", "info", 5)
    await engine.close()
    await engine.close()

    assert await engine.ask(ASKED, "GET", "info", 5) == b"{}"
