"""Following events across broken connections."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from cube.client.manager import ManagerClient
from cube.client.stream import parse_events
from cube.errors import ManagerAway, NotFound
from cube.wire.views import EventView
from tests.cli.fake_manager import Answer, FakeManager, refusal
from tests.cli.views import event


@pytest.fixture
def manager() -> Iterator[FakeManager]:
    with FakeManager() as fake:
        yield fake


@pytest.fixture
def client(manager: FakeManager) -> Iterator[ManagerClient]:
    with ManagerClient(manager.address, sleep=lambda _: None) as client:
        yield client


def frame(*events: EventView) -> bytes:
    return b"".join(
        b"id: %d\ndata: %s\n\n" % (one.revision, msgspec.json.encode(one)) for one in events
    )


def test_events_come_as_they_happen(manager: FakeManager, client: ManagerClient) -> None:
    manager.publish(event(1), event(2))

    with client.feed(after=1, task="web") as feed:
        assert feed.next(5) == event(2)
        assert feed.next(0.01) is None
        manager.publish(event(3))
        assert feed.next(5) == event(3)

    assert manager.asked[0].query == {"task": "web", "after": "1"}


def test_a_broken_feed_goes_on_behind_the_last_event(
    manager: FakeManager, client: ManagerClient
) -> None:
    broken = Answer(body=frame(event(1), event(2)) + b"id: 3\ndata: {", cut=True)
    manager.answer("GET", "/event", broken)
    manager.publish(event(1), event(2), event(3))

    with client.feed() as feed:
        revisions = [one.revision for _ in range(3) if (one := feed.next(5))]

    assert revisions == [1, 2, 3]
    assert manager.asked[1].headers["last-event-id"] == "2"


def test_what_was_seen_is_not_repeated(manager: FakeManager, client: ManagerClient) -> None:
    manager.answer("GET", "/event", Answer(body=frame(event(4), event(5), event(6))))

    with client.feed(after=5) as feed:
        assert feed.next(5) == event(6)


def test_a_refusal_ends_the_feed(manager: FakeManager, client: ManagerClient) -> None:
    manager.answer("GET", "/event", refusal(NotFound("there is no task web")))

    with client.feed(task="web") as feed, pytest.raises(NotFound):
        feed.next(5)


def test_patience_with_a_manager_that_is_gone_has_an_end(client: ManagerClient) -> None:
    gone = ManagerClient(msgspec.structs.replace(client.address, port=1), sleep=lambda _: None)

    with gone.feed(patience=0.0) as feed, pytest.raises(ManagerAway):
        feed.next(5)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"data: a\n\n", [b"a"]),
        (b": comment\n\ndata:a\r\n\r\n", [b"a"]),
        (b"id: 1\nevent: x\ndata: a\ndata: b\n\n", [b"a\nb"]),
        (b"data: a\n\ndata: cut off\n", [b"a"]),
        (b"\n\n\n", []),
    ],
)
def test_server_sent_events_are_read_as_the_standard_says(text: bytes, data: list[bytes]) -> None:
    assert list(parse_events(text.splitlines())) == data
