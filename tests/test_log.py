"""What a daemon writes to stderr."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest

from cube import log


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_collector_gets_one_object_per_line() -> None:
    out = io.StringIO()
    log.configure("info", out)

    logging.getLogger("cube.test").info(
        "placed %s\nthere", "web.1", extra={"task": "web", "node": "w1"}
    )
    logging.getLogger("cube.test").debug("not asked for")

    (line,) = out.getvalue().splitlines()
    record = json.loads(line)
    assert record.pop("time").endswith("Z")
    assert record == {
        "level": "info",
        "logger": "cube.test",
        "message": "placed web.1\nthere",
        "task": "web",
        "node": "w1",
    }


def test_a_failure_brings_its_traceback_within_the_line() -> None:
    out = io.StringIO()
    log.configure("info", out)

    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("cube.test").exception("loop failed")

    (line,) = out.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["error"]


def test_a_person_gets_sentences() -> None:
    out = Terminal()
    log.configure("warning", out)

    logging.getLogger("cube.test").warning("disk is full")
    logging.getLogger("aiohttp.access").info("GET /")

    assert out.getvalue()[9:] == "warning  disk is full\n"


def test_configuring_twice_does_not_say_everything_twice() -> None:
    out = io.StringIO()
    log.configure("info", out)
    log.configure("info", out)

    logging.getLogger("cube.test").info("once")

    assert len(out.getvalue().splitlines()) == 1


def test_the_format_may_be_chosen_against_the_terminal() -> None:
    out, terminal = io.StringIO(), Terminal()
    log.configure("info", out, log.LogFormat.TEXT)
    logging.getLogger("cube.test").info("to a file, for people")
    log.configure("info", terminal, log.LogFormat.JSON)
    logging.getLogger("cube.test").info("on a terminal, for programs")

    assert out.getvalue()[9:] == "info     to a file, for people\n"
    assert json.loads(terminal.getvalue())["message"] == "on a terminal, for programs"


async def test_what_a_block_is_about_goes_along_with_all_that_is_logged_in_it() -> None:
    out = io.StringIO()
    log.configure("info", out)
    logger = logging.getLogger("cube.test")

    async def later() -> None:
        logger.info("in a task that was started there")

    with log.about(node="w1"):
        with log.about():
            log.also_about(request_id="r1")
            logger.info("inside")
        logger.info("another node", extra={"node": "w2"})
        started = asyncio.create_task(later())
    logger.info("outside")
    await started

    records = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(record.get("node"), record.get("request_id")) for record in records] == [
        ("w1", "r1"),
        ("w2", None),
        (None, None),
        ("w1", None),
    ]


def test_nothing_is_written_that_is_not_a_known_subject() -> None:
    out = io.StringIO()
    log.configure("info", out)
    logging.getLogger("cube.test").info("joined", extra={"node": "w1", "token": "s3cret"})

    assert "s3cret" not in out.getvalue()
