"""Requests to a manager that answers, refuses, or is not there."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from cube.client.manager import ManagerClient
from cube.client.transport import RETRIES, Address, Transport, bearer, target
from cube.errors import Conflict, ManagerAway, NotAllowed, Overloaded, PeerFault
from tests.cli.fake_manager import Answer, FakeManager, json, refusal
from tests.cli.views import task


@pytest.fixture
def manager() -> Iterator[FakeManager]:
    with FakeManager() as fake:
        yield fake


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(manager: FakeManager, slept: list[float]) -> Iterator[ManagerClient]:
    with ManagerClient(manager.address, sleep=slept.append) as client:
        yield client


BUSY = Overloaded("too much to do")


def test_nobody_there_is_told_with_the_address_and_the_remedy(slept: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(ManagerAway, match=f"127.0.0.1:{port} .connection refused") as raised:
        Transport(Address("127.0.0.1", port), sleep=slept.append).read("/task")

    assert "cube manager start" in raised.value.hint
    assert len(slept) == RETRIES


def test_who_speaks_to_another_machine_without_tls_is_told_how_it_is_done(
    slept: list[float],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    # This machine by an address that is none of loopback.
    with pytest.raises(ManagerAway) as raised:
        Transport(Address("0.0.0.0", port), sleep=slept.append).read("/task")
    assert f"name it https://0.0.0.0:{port}" in raised.value.hint


def test_a_read_is_tried_again(manager: FakeManager, client: ManagerClient) -> None:
    manager.answer("GET", "/task", refusal(BUSY), Answer(503, b"Bad Gateway"))

    assert client.tasks() == []
    assert len(manager.requests("GET", "/task")) == 1 + RETRIES


def test_it_is_not_tried_for_ever(manager: FakeManager, client: ManagerClient) -> None:
    manager.answer("GET", "/task", *[refusal(BUSY)] * 10)

    with pytest.raises(Overloaded):
        client.tasks()

    assert len(manager.requests("GET", "/task")) == 1 + RETRIES


def test_a_change_that_is_sent_again_keeps_its_key(
    manager: FakeManager, client: ManagerClient
) -> None:
    manager.answer("POST", "/task", Answer(cut=True), json(task(), 201))

    client.submit({"name": "web"})
    manager.answer("POST", "/task", json(task(), 201))
    client.submit({"name": "web"})

    first, again, other = [
        one.headers["idempotency-key"] for one in manager.requests("POST", "/task")
    ]
    assert first == again != other


def test_what_the_manager_decided_is_not_asked_again(
    manager: FakeManager, client: ManagerClient, slept: list[float]
) -> None:
    manager.answer("POST", "/task", refusal(Conflict("the name web is taken", hint="use apply")))

    with pytest.raises(Conflict, match="the name web is taken") as raised:
        client.submit({"name": "web"})

    assert (raised.value.hint, slept) == ("use apply", [])


def test_the_token_goes_along(manager: FakeManager) -> None:
    address = Address(manager.address.host, manager.address.port, "secret")

    with ManagerClient(address) as client:
        client.tasks()

    assert manager.asked[0].headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize("body", [b"<html>", b'{"id": 7}', b"[{}]", b""])
def test_what_is_no_answer_of_a_manager_is_a_fault_of_the_peer(
    manager: FakeManager, client: ManagerClient, body: bytes
) -> None:
    manager.answer("GET", "/task/web", Answer(200, body))
    manager.answer("GET", "/node/w1", Answer(418, body))

    with pytest.raises(PeerFault):
        client.task("web")
    with pytest.raises(PeerFault, match="418"):
        client.node("w1")


def test_the_connection_is_kept(manager: FakeManager, client: ManagerClient) -> None:
    client.tasks()
    kept = client._transport._connection
    client.nodes()

    assert kept is not None
    assert client._transport._connection is kept


def test_a_query_leaves_out_what_is_not_asked_for() -> None:
    assert target("/task", {"state": None, "label": "a=b c", "limit": 1}) == (
        "/task?label=a%3Db+c&limit=1"
    )
    assert target("/task", {"state": None}) == "/task"


@pytest.mark.parametrize("host", ["10.0.0.1", "manager.example.org", "127.evil.org"])
def test_a_token_is_not_sent_through_a_network_without_tls(host: str) -> None:
    with pytest.raises(NotAllowed, match="not sent to .* without TLS"):
        bearer(Address(host, 5555, "token"))


def test_a_token_is_sent_on_this_machine_and_over_tls() -> None:
    for address in (Address("localhost", 5555, "t"), Address("10.0.0.1", 5555, "t", tls=True)):
        assert bearer(address) == {"Authorization": "Bearer t"}
    assert bearer(Address("10.0.0.1", 5555)) == {}
