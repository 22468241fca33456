"""Probes against servers of every kind of misbehaviour."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from msgspec.structs import replace

from cube.aio.supervise import Supervisor
from cube.core.worker.inputs import Probed
from cube.core.worker.steps import Probe
from cube.model.allocation import Failure, FailureKind
from cube.model.ids import AllocationId
from cube.model.spec import HealthCheck, ProbeKind
from cube.runtime.contract import CommandResult, ContainerPaused
from cube.worker.probes import Prober
from tests.worker.small_engine import SmallEngine

Ask = Callable[[HealthCheck], Awaitable[Probed]]


@pytest.fixture
def engine() -> SmallEngine:
    return SmallEngine()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def status(request: web.Request) -> web.Response:
        code = int(request.match_info["code"])
        return web.Response(status=code, headers={"Location": "/status/500"} if code == 302 else {})

    async def hang(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 65536)

    async def drips(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x")
            await asyncio.Event().wait()  # the next byte would come in a second

    application = web.Application()
    application.router.add_get("/drips", drips)
    application.router.add_get("/status/{code}", status)
    application.router.add_get("/hang", hang)
    application.router.add_get("/endless", endless)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture
async def ask(engine: SmallEngine, port: int) -> AsyncIterator[Ask]:
    answers: asyncio.Queue[Probed] = asyncio.Queue(maxsize=10)
    async with Supervisor() as supervisor:
        prober = Prober(runtime=engine, supervisor=supervisor, tell=answers.put_nowait)

        async def send(check: HealthCheck) -> Probed:
            prober.send(Probe(AllocationId("t.1.1"), "c1", "127.0.0.1", check.port or port, check))
            async with asyncio.timeout(5):
                return await answers.get()

        yield send
        await prober.close()


def http(path: str, timeout_ms: int = 2_000) -> HealthCheck:
    return HealthCheck(kind=ProbeKind.HTTP, path=path, timeout_ms=timeout_ms)


@pytest.mark.parametrize(
    ("code", "passed"), [(200, True), (204, True), (302, True), (404, False), (500, False)]
)
async def test_http_passes_on_2xx_and_3xx_and_follows_nothing(
    ask: Ask, code: int, passed: bool
) -> None:
    answer = await ask(http(f"/status/{code}"))
    assert (answer.passed, answer.output) == (passed, f"HTTP {code} on /status/{code}")


async def test_no_answer_fails_after_the_timeout(ask: Ask) -> None:
    answer = await ask(http("/hang", timeout_ms=50))
    assert (answer.passed, answer.output) == (False, "no answer in 50 ms")


async def test_an_endless_body_is_cut(ask: Ask) -> None:
    assert (await ask(http("/endless"))).passed


async def test_a_body_that_comes_byte_by_byte_is_not_waited_for(ask: Ask) -> None:
    assert (await ask(http("/drips"))).passed


async def test_a_head_that_comes_byte_by_byte_fails_after_the_timeout(ask: Ask) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"H")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await ask(replace(http("/", timeout_ms=50), port=port))
    assert (answer.passed, answer.output) == (False, "no answer in 50 ms")


async def test_servers_that_hang_delay_no_other_probe(engine: SmallEngine, port: int) -> None:
    answers: asyncio.Queue[Probed] = asyncio.Queue(maxsize=200)
    async with Supervisor() as supervisor:
        prober = Prober(runtime=engine, supervisor=supervisor, tell=answers.put_nowait)
        for number in range(100):
            id = AllocationId(f"hangs.{number}.1")
            prober.send(Probe(id, "c1", "127.0.0.1", port, http("/hang", timeout_ms=60_000)))
        well = AllocationId("works.1.1")
        prober.send(Probe(well, "c2", "127.0.0.1", port, http("/status/200")))
        async with asyncio.timeout(5):
            first = await answers.get()
        assert (first.id, first.passed) == (well, True)
        await supervisor.close()
        await prober.close()


async def test_tcp_passes_on_a_connection(ask: Ask, unused_port: int) -> None:
    assert (await ask(HealthCheck(kind=ProbeKind.TCP))).passed
    refused = await ask(HealthCheck(kind=ProbeKind.TCP, port=unused_port))
    assert (refused.passed, refused.output) == (False, "connection refused")


async def test_a_command_passes_on_code_0(ask: Ask, engine: SmallEngine) -> None:
    check = HealthCheck(kind=ProbeKind.COMMAND, command=("pg_isready",))
    assert (await ask(check)).passed
    engine.command_result = CommandResult(2, "no\nresponse")
    answer = await ask(check)
    assert (answer.passed, answer.output) == (False, "exit 2: no response")


async def test_an_engine_that_is_away_fails_the_probe_with_its_reason(
    ask: Ask, engine: SmallEngine
) -> None:
    engine.away = "the engine does not answer"
    answer = await ask(HealthCheck(kind=ProbeKind.COMMAND, command=("true",)))
    assert (answer.passed, answer.output) == (False, "the engine does not answer")


async def test_a_container_that_is_found_paused_was_not_asked(
    ask: Ask, engine: SmallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> CommandResult:
        raise ContainerPaused(Failure(FailureKind.ENGINE_ERROR, "it is paused"))

    monkeypatch.setattr(engine, "run_command", refused)
    answer = await ask(HealthCheck(kind=ProbeKind.COMMAND, command=("true",)))
    assert (answer.passed, answer.paused) == (False, True)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
