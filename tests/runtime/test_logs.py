"""The lines of a log: times, streams, long lines and characters, whatever the pieces they come in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.model.allocation import FailureKind
from cube.runtime.contract import LogLine, LogOptions, RuntimeFailure
from cube.runtime.engine import Engine
from cube.runtime.logs import LINE_LONGEST, LineAssembler, read_log
from tests.runtime.fake_engine import FakeEngine
from tests.runtime.worlds import DockerMachine, started, until_exited

STAMP = b"2026-11-22T13:43:54.000000001Z "
AT = 1795355034_000000001


def fed(assembler: LineAssembler, *pieces: bytes) -> list[LogLine]:
    return [line for piece in pieces for line in assembler.feed(piece)]


def a_line(text: str, *, partial: bool = False, at_ns: int = AT, stream: str = "stdout") -> LogLine:
    return LogLine(at_ns=at_ns, stream=stream, text=text, partial=partial)


def frame(stream: str, content: bytes) -> bytes:
    kind = {"stdout": 1, "stderr": 2}[stream]
    return bytes([kind, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=30)),
    size=st.integers(1, 40),
)
def test_lines_do_not_depend_on_how_they_arrive(texts: list[str], size: int) -> None:
    data = b"".join(STAMP + text.encode() + b"\n" for text in texts)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    assert fed(LineAssembler("stdout"), *pieces) == [a_line(text) for text in texts]


def test_a_long_line_of_a_terminal_comes_in_pieces() -> None:
    # The engine cuts the line itself, and puts the time before each piece.
    long = STAMP + b"x" * LINE_LONGEST + STAMP + b"y" * LINE_LONGEST + STAMP + b"z\r\n"

    assert fed(LineAssembler("stdout", terminal=True), long) == [
        a_line("x" * LINE_LONGEST, partial=True),
        a_line("y" * LINE_LONGEST, partial=True),
        a_line("z"),
    ]


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    assembler = LineAssembler("stdout")
    list(assembler.feed(STAMP))

    pieces = [line for _ in range(100) for line in assembler.feed(b"x" * 1000)]

    assert [len(line.text) for line in pieces] == [LINE_LONGEST] * 6
    assert all(line.partial for line in pieces)


def flushed(assembler: LineAssembler, *entries: bytes) -> list[LogLine]:
    return [line for entry in entries for line in (*assembler.feed(entry), *assembler.flush())]


def test_a_line_that_the_engine_cut_is_told_in_parts() -> None:
    long = b"x" * LINE_LONGEST

    assert flushed(LineAssembler("stderr"), STAMP + long, STAMP + b"end\n") == [
        a_line("x" * LINE_LONGEST, partial=True, stream="stderr"),
        a_line("end", stream="stderr"),
    ]


def test_the_last_words_need_no_line_end() -> None:
    assert flushed(LineAssembler("stdout"), STAMP + b"last words") == [a_line("last words")]


def test_a_character_that_the_engine_cut_is_put_together() -> None:
    first, second = "ü".encode()[:1], "ü".encode()[1:]
    long = b"x" * (LINE_LONGEST - 1) + first

    lines = flushed(LineAssembler("stdout"), STAMP + long, STAMP + second + b"n\n")

    assert "".join(line.text for line in lines).lstrip("x") == "ün"


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert fed(LineAssembler("stdout"), STAMP + b"\xff\x00a\n") == [a_line("\ufffd\x00a")]


def test_a_line_without_a_time_has_that_of_the_one_before() -> None:
    lines = fed(LineAssembler("stdout"), STAMP + b"one\n", b" two\n", b"three and four\n")

    assert [(line.at_ns, line.text) for line in lines] == [
        (AT, "one"),
        (AT, " two"),
        (AT, "three and four"),
    ]


@pytest.fixture
async def engine(fake_engine: FakeEngine) -> AsyncIterator[Engine]:
    one = Engine(fake_engine.url)
    yield one
    await one.close()


async def read(engine: Engine, options: LogOptions, *, terminal: bool = False) -> list[LogLine]:
    batches = read_log(engine, "abc", options, terminal=terminal)
    return [line async for lines in batches for line in lines]


async def test_both_streams_come_in_their_order(engine: Engine, fake_engine: FakeEngine) -> None:
    data = frame("stdout", STAMP + b"out\n") + frame("stderr", STAMP + b"err\n")
    fake_engine.stream("GET", "containers/abc/logs", data[:20], data[20:])

    assert await read(engine, LogOptions()) == [a_line("out"), a_line("err", stream="stderr")]


async def test_the_engine_is_asked_for_what_is_wanted(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    fake_engine.stream("GET", "containers/abc/logs")
    options = LogOptions(tail=5, since_ns=1_000000002, until_ns=3_000000000, stderr=False)

    await read(engine, options)

    assert dict(fake_engine.asked[0].query) == {
        "stdout": "1",
        "stderr": "0",
        "follow": "0",
        "timestamps": "1",
        "tail": "5",
        "since": "1.000000002",
        "until": "3.000000000",
    }


async def test_a_terminals_last_line_needs_no_end(engine: Engine, fake_engine: FakeEngine) -> None:
    fake_engine.stream("GET", "containers/abc/logs", STAMP + b"prompt> ")

    assert await read(engine, LogOptions(), terminal=True) == [a_line("prompt> ")]


@pytest.mark.parametrize(
    ("pieces", "drop", "kind"),
    [
        ((frame("stdout", STAMP + b"one\n"),), True, FailureKind.ENGINE_AWAY),
        ((b"this is no frame",), False, FailureKind.ENGINE_ERROR),
    ],
)
async def test_a_log_that_breaks_off_is_not_taken_for_its_end(
    engine: Engine,
    fake_engine: FakeEngine,
    pieces: tuple[bytes, ...],
    drop: bool,
    kind: FailureKind,
) -> None:
    fake_engine.stream("GET", "containers/abc/logs", *pieces, drop=drop)

    with pytest.raises(RuntimeFailure) as raised:
        await read(engine, LogOptions(follow=True))

    assert raised.value.kind is kind


@pytest.mark.docker
async def test_a_real_long_line_comes_whole_in_pieces(docker_machine: DockerMachine) -> None:
    script = "head -c 40000 /dev/zero | tr '\\0' x; echo; echo end; printf unfinished >&2"
    task = docker_machine.runs(command=("sh", "-c", script))
    seen = await started(docker_machine, task)
    await until_exited(docker_machine.runtime, seen.id)

    batches = docker_machine.runtime.logs(seen.id, LogOptions())
    lines = [line async for batch in batches for line in batch]

    out = [line for line in lines if line.stream == "stdout"]
    assert [(len(line.text), line.partial) for line in out] == [
        (LINE_LONGEST, True),
        (LINE_LONGEST, True),
        (40_000 - 2 * LINE_LONGEST, False),
        (3, False),
    ]
    assert [(line.text, line.partial) for line in lines if line.stream == "stderr"] == [
        ("unfinished", False)
    ]


@pytest.mark.docker
async def test_leaving_a_followed_log_leaves_nothing_behind(docker_machine: DockerMachine) -> None:
    task = docker_machine.runs(command=("sh", "-c", "echo one; sleep 300"))
    seen = await started(docker_machine, task)

    async with asyncio.timeout(20):
        for _ in range(40):
            lines = docker_machine.runtime.logs(seen.id, LogOptions(follow=True))
            assert [line.text for line in await anext(lines)] == ["one"]
            await lines.aclose()

    assert await docker_machine.runtime.inspect(seen.id) == seen
