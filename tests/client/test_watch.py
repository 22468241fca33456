"""Following everything, across broken connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cube.client.manager import ManagerClient
from cube.client.watch import Message, parse_messages
from cube.errors import ManagerAway
from cube.wire.watch import Beat, Gone, Resync, WatchKind
from tests.cli.fake_manager import Answer, FakeManager, json

BEAT = b'id: b-2\nevent: beat\ndata: {"at":"2026-01-01T00:00:00Z","revision":7}\n\n'


@pytest.fixture
def manager() -> Iterator[FakeManager]:
    with FakeManager() as fake:
        yield fake


@pytest.fixture
def client(manager: FakeManager) -> Iterator[ManagerClient]:
    with ManagerClient(manager.address, sleep=lambda _: None) as client:
        yield client


def test_messages_have_their_kind_and_id_and_one_that_was_cut_off_is_dropped() -> None:
    lines = [
        b"retry: 1000",
        b"",
        b": hello",
        b"id: b-1",
        b"event: task",
        b"data: {}",
        b"",
        b"data: x",
    ]
    assert [tuple(one) for one in parse_messages(lines)] == [("task", b"{}", "b-1")]


def test_each_kind_is_its_view_and_unknown_ones_are_left_out(
    manager: FakeManager, client: ManagerClient
) -> None:
    body = b'event: resync\ndata: {"reason":"old"}\n\nevent: new\ndata: {}\n\n'
    body += b'id: b-1\nevent: task.gone\ndata: {"id":"t"}\n\n'
    manager.answer("GET", "/watch", Answer(body=body + BEAT))
    messages = client.watch()
    assert next(messages) == Message(WatchKind.RESYNC, Resync("old"))
    assert next(messages) == Message(WatchKind.TASK_GONE, Gone("t"))
    assert isinstance(next(messages).view, Beat)


def test_a_broken_connection_is_taken_up_behind_the_last_message(
    manager: FakeManager, client: ManagerClient
) -> None:
    manager.answer("GET", "/watch", Answer(body=BEAT + b"id: b-3\nevent: be", cut=True))
    manager.answer("GET", "/watch", Answer(body=BEAT))
    messages = client.watch()
    assert [next(messages).kind for _ in range(2)] == [WatchKind.BEAT] * 2
    assert [one.headers.get("last-event-id") for one in manager.asked] == [None, "b-2"]


def test_a_manager_that_stays_away_is_given_up(client: ManagerClient, manager: FakeManager) -> None:
    manager.__exit__(None, None, None)
    with pytest.raises(ManagerAway):
        next(client.watch(patience=0.0))


def test_what_is_wrong_is_asked_for_once(manager: FakeManager, client: ManagerClient) -> None:
    view = {"errors": 0, "warnings": 0, "notices": 0, "concerns": []}
    manager.answer("GET", "/attention", json(view))
    assert client.attention().concerns == ()


def test_a_change_may_be_for_one_revision_only(manager: FakeManager, client: ManagerClient) -> None:
    manager.answer("DELETE", "/task/web", Answer(204), Answer(204))
    client.stop("web", if_revision=7)
    client.stop("web")
    assert [one.headers.get("if-match") for one in manager.asked] == ['"7"', None]
