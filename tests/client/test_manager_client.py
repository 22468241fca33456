"""The manager's API as typed calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cube.client.manager import ManagerClient
from cube.errors import NotFound, PeerFault, Recovering
from cube.model.node import Availability
from cube.wire.views import BackupView
from tests.cli.fake_manager import Answer, FakeManager, json, refusal
from tests.cli.views import event, node, task


@pytest.fixture
def manager() -> Iterator[FakeManager]:
    with FakeManager() as fake:
        yield fake


@pytest.fixture
def client(manager: FakeManager) -> Iterator[ManagerClient]:
    with ManagerClient(manager.address, sleep=lambda _: None) as client:
        yield client


def test_lists_are_read_to_the_last_page(manager: FakeManager, client: ManagerClient) -> None:
    page = json([task(name="a")])._replace(headers=(("X-Next-Cursor", "1.x"),))
    manager.answer("GET", "/task", page, json([task(name="b")]))

    assert [one.name for one in client.tasks(label="tier=front")] == ["a", "b"]
    assert [one.query.get("cursor") for one in manager.asked] == [None, "1.x"]
    assert all(one.query["label"] == "tier=front" for one in manager.asked)


def test_stopping_says_whether_anything_is_left(
    manager: FakeManager, client: ManagerClient
) -> None:
    manager.answer("DELETE", "/task/web", json(task(), 202), Answer(204))

    left = client.stop("web")

    assert left is not None and left.id == "t-web"
    assert client.stop("web") is None


@pytest.mark.parametrize(
    ("availability", "verb"),
    [
        (Availability.DRAINING, "drain"),
        (Availability.CORDONED, "cordon"),
        (Availability.ACTIVE, "uncordon"),
    ],
)
def test_each_availability_has_its_verb(
    manager: FakeManager, client: ManagerClient, availability: Availability, verb: str
) -> None:
    manager.answer("POST", f"/node/w1/{verb}", json(node()))

    assert client.set_availability("w1", availability) == node()


def test_without_a_revision_the_newest_events_are_asked_for(
    manager: FakeManager, client: ManagerClient
) -> None:
    manager.publish(event(1), event(2))

    assert client.events(limit=1) == [event(2)]
    assert manager.asked[0].query == {"limit": "1"}


def test_a_reference_is_one_segment_of_the_path(
    manager: FakeManager, client: ManagerClient
) -> None:
    with pytest.raises(NotFound):
        client.task("../node?x#y")

    assert manager.asked[0].path == "/task/..%2Fnode%3Fx%23y"


def test_a_manager_that_does_not_work_is_not_healthy(
    manager: FakeManager, client: ManagerClient
) -> None:
    manager.answer("GET", "/healthz", json({"status": "ok"}))

    assert client.healthy()
    assert not client.healthy()


def test_only_a_recovery_is_told_of_as_one(manager: FakeManager, client: ManagerClient) -> None:
    assert client.recovering() == ""
    manager.answer("GET", "/readyz", refusal(Recovering("1 node did not call yet: w1")))
    assert client.recovering() == "1 node did not call yet: w1"
    manager.answer("GET", "/readyz", refusal(PeerFault("not ready for another reason")))
    assert client.recovering() == ""


def test_a_backup_is_asked_for_and_a_recovery_ended(
    manager: FakeManager, client: ManagerClient
) -> None:
    view = BackupView(path="/b.db", revision=7, bytes=1, at=datetime(2026, 1, 1, tzinfo=UTC))
    manager.answer("POST", "/backup", json(view, 201))
    manager.answer("POST", "/recovery/end", Answer(204))

    assert client.backup() == view
    client.end_recovery()
    assert [one.path for one in manager.asked] == ["/backup", "/recovery/end"]
