"""Commands in a container: output that floods, streams that mix, codes that come late."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from cube.model.allocation import FailureKind
from cube.runtime.commands import OUTPUT_LONGEST, run_command
from cube.runtime.contract import CommandResult, ContainerPaused, RuntimeFailure
from cube.runtime.engine import Engine
from tests.runtime.fake_engine import FakeEngine
from tests.runtime.worlds import DockerMachine, started


def frame(kind: int, content: bytes) -> bytes:
    return bytes([kind, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


@pytest.fixture
async def engine(fake_engine: FakeEngine) -> AsyncIterator[Engine]:
    fake_engine.answer("POST", "containers/abc/exec", {"Id": "e1"}, 201)
    one = Engine(fake_engine.url)
    yield one
    await one.close()


async def run(engine: Engine, timeout_ms: int = 10_000) -> CommandResult:
    return await run_command(engine, "abc", ("check", "--it"), timeout_ms)


async def test_both_streams_are_the_output(engine: Engine, fake_engine: FakeEngine) -> None:
    fake_engine.stream("POST", "exec/e1/start", frame(1, b"out ") + frame(2, b"err"))
    fake_engine.answer("GET", "exec/e1/json", {"Running": False, "ExitCode": 7})

    assert await run(engine) == CommandResult(7, "out err")


async def test_the_command_is_passed_as_words(engine: Engine, fake_engine: FakeEngine) -> None:
    bodies: list[object] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        bodies.append(json.loads(await request.read()))
        return web.json_response({"Id": "e1"}, status=201)

    fake_engine.on("POST", "containers/abc/exec", handler)
    fake_engine.stream("POST", "exec/e1/start")
    fake_engine.answer("GET", "exec/e1/json", {"Running": False, "ExitCode": 0})

    await run(engine)

    assert bodies == [
        {"Cmd": ["check", "--it"], "AttachStdout": True, "AttachStderr": True, "Tty": False}
    ]


async def test_a_code_that_comes_late_is_waited_for(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    answers = iter([{"Running": True, "ExitCode": None}, {"Running": False, "ExitCode": 3}])

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(next(answers))

    fake_engine.stream("POST", "exec/e1/start")
    fake_engine.on("GET", "exec/e1/json", handler)

    assert (await run(engine)).code == 3


async def test_an_output_without_end_is_cut_and_given_up(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(frame(1, b"x" * 1000))
            await asyncio.sleep(0)

    fake_engine.on("POST", "exec/e1/start", flood)

    with pytest.raises(RuntimeFailure) as raised:
        await run(engine, timeout_ms=200)

    assert raised.value.kind is FailureKind.ENGINE_SLOW


@pytest.mark.parametrize("asked", ["containers/abc/exec", "exec/e1/start"])
async def test_a_container_that_is_paused_says_so(
    engine: Engine, fake_engine: FakeEngine, asked: str
) -> None:
    words = "Container abc is paused, unpause the container before exec"
    fake_engine.answer("POST", asked, {"message": words}, 409)
    with pytest.raises(ContainerPaused):
        await run(engine)


async def test_an_answer_that_is_not_readable_is_the_engines_fault(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    fake_engine.stream("POST", "exec/e1/start", b"this is no frame")

    with pytest.raises(RuntimeFailure, match="not readable") as raised:
        await run(engine)

    assert raised.value.kind is FailureKind.ENGINE_ERROR


@pytest.mark.docker
async def test_a_long_output_is_cut(docker_machine: DockerMachine) -> None:
    seen = await started(docker_machine, docker_machine.runs())
    command = ("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; exit 4")

    result = await docker_machine.runtime.run_command(seen.id, command, 10_000)

    assert result == CommandResult(4, "x" * OUTPUT_LONGEST)


@pytest.mark.docker
async def test_a_command_that_does_not_exist_has_a_code_like_a_shells(
    docker_machine: DockerMachine,
) -> None:
    seen = await started(docker_machine, docker_machine.runs())

    result = await docker_machine.runtime.run_command(seen.id, ("nonesuch",), 10_000)

    assert result.code in (126, 127)
    assert "nonesuch" in result.output
