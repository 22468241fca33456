"""Following a log across broken connections."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from cube.client import logs
from cube.client.manager import ManagerClient
from cube.errors import ManagerAway
from cube.wire.views import LogRecord
from tests.cli.fake_manager import Answer, FakeManager


@pytest.fixture
def manager() -> Iterator[FakeManager]:
    with FakeManager() as fake:
        yield fake


@pytest.fixture
def client(manager: FakeManager) -> Iterator[ManagerClient]:
    with ManagerClient(manager.address, sleep=lambda _: None) as client:
        yield client


def line(name: str, at_ns: int, **more: object) -> LogRecord:
    fields = {"name": name, "node": "w1", "at_ns": at_ns, "text": f"{name} at {at_ns}", **more}
    return msgspec.convert(fields, LogRecord)


def log(*records: LogRecord, cut: bool = False) -> Answer:
    return Answer(body=b"".join(msgspec.json.encode(one) + b"\n" for one in records), cut=cut)


def test_a_broken_log_is_gone_on_with_behind_the_last_line_of_each_slot(
    manager: FakeManager, client: ManagerClient
) -> None:
    first = (
        line("web.1", 10),
        line("web.2", 11, generation=3, restart=4),
        line("web.1", 12),
        line("web.1", 12),
        line("web.1", 12, stream="stderr"),
        LogRecord(name="web.9", node="w9", warning="node w9 is not connected"),
    )
    second = (line("web.2", 13, generation=3, restart=5),)
    manager.answer("GET", "/task/web/logs", log(*first, cut=True), log(*second))

    assert list(client.logs("web", follow=True, tail=3)) == [*first, *second]

    again = manager.asked[1].query
    assert again["after"] == "1.1.0.12.2.12.1_2.3.4.11.1.0.0"
    assert (again["since_ns"], again.get("tail"), again["follow"]) == ("10", None, "1")


def test_without_a_tail_the_rest_is_asked_for_since_then(
    manager: FakeManager, client: ManagerClient
) -> None:
    manager.answer("GET", "/task/web/logs", log(line("web.1", 10), cut=True), log())

    list(client.logs("web", since_ns=4, stderr=False))

    assert manager.asked[1].query == {"since_ns": "4", "stderr": "0"} | {"after": "1.1.0.10.1.0.0"}


def test_a_log_of_which_nothing_came_yet_is_asked_for_anew(
    manager: FakeManager, client: ManagerClient
) -> None:
    manager.answer("GET", "/task/web/logs", Answer(cut=True), log(line("web.1", 10)))

    assert [one.at_ns for one in client.logs("web", follow=True, tail=3)] == [10]
    assert manager.asked[1].query == manager.asked[0].query


def test_lines_are_put_together_from_what_comes(
    manager: FakeManager, client: ManagerClient
) -> None:
    long = LogRecord(name="web.1", node="w1", at_ns=1, text="x" * 300_000)
    manager.answer("GET", "/task/web/logs", log(long, line("web.1", 2)))

    assert [len(one.text) for one in client.logs("web")] == [300_000, len("web.1 at 2")]


def test_a_log_that_never_began_is_an_error(client: ManagerClient) -> None:
    gone = ManagerClient(msgspec.structs.replace(client.address, port=1), sleep=lambda _: None)

    with pytest.raises(ManagerAway):
        list(gone.logs("web", follow=True))


def test_a_log_that_breaks_off_again_and_again_is_given_up(
    manager: FakeManager, client: ManagerClient
) -> None:
    breaks = [log(line("web.1", 1), cut=True)] * (logs.BREAKS_LIMIT + 5)
    manager.answer("GET", "/task/web/logs", *breaks)

    with pytest.raises(ManagerAway):
        list(client.logs("web", follow=True))
    assert len(manager.asked) == logs.BREAKS_LIMIT + 1


def test_one_that_brings_lines_in_between_is_not_given_up(
    manager: FakeManager, client: ManagerClient
) -> None:
    breaks = [log(line("web.1", 1), line("web.1", 2), cut=True)] * (logs.BREAKS_LIMIT + 5)
    manager.answer("GET", "/task/web/logs", *breaks, log())

    assert len(list(client.logs("web", follow=True))) == 2 * len(breaks)
