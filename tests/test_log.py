"""What a daemon writes to stderr."""

from __future__ import annotations

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
    assert record.pop("ts").endswith("Z")
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
