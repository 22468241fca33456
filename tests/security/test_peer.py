"""Which user holds the other end: asked of the real kernel, on real connections."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from cube.security import peer
from cube.security.peer import End

Ends = tuple[End, End, socket.socket, socket.socket]


@pytest.fixture(params=["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    """A connection of this process with itself: the client's end, the server's, and both sockets."""
    dialled = str(request.param)
    own = "127.0.0.1" if "127" in dialled else dialled
    with ExitStack() as stack:
        server = stack.enter_context(_socket(own))
        server.bind((own, 0))
        server.listen()
        client = stack.enter_context(_socket(dialled))
        client.connect((dialled, server.getsockname()[1]))
        accepted = stack.enter_context(server.accept()[0])
        yield accepted.getpeername()[:2], accepted.getsockname()[:2], client, accepted


def _socket(address: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)


def test_the_kernel_names_the_user_of_a_connection(ends: Ends) -> None:
    client, own, _, _ = ends
    assert peer.user_of_peer(client, own) == os.geteuid()


def test_the_list_says_the_same_where_the_kernel_does_not_answer(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise OSError("protocol not supported")

    monkeypatch.setattr(peer, "_by_diag", unknown)
    client, own, _, _ = ends
    assert peer.user_of_peer(client, own) == os.geteuid()


def test_a_connection_half_closed_still_has_its_user(ends: Ends) -> None:
    client, own, mine, _ = ends
    mine.shutdown(socket.SHUT_WR)
    assert peer.user_of_peer(client, own) == os.geteuid()


@pytest.mark.parametrize("by", ["_by_diag", "_by_proc"])
def test_a_closed_socket_is_nobody_and_not_root(ends: Ends, by: str) -> None:
    client, own, mine, _ = ends
    mine.close()
    assert getattr(peer, by)(client, own) is None
    assert peer.user_of_peer(client, own) is None


def test_another_connection_is_not_taken_for_it(ends: Ends) -> None:
    client, own, _, _ = ends
    assert peer.user_of_peer((client[0], client[1]), (own[0], own[1] ^ 1)) is None


def test_one_whose_user_changes_between_two_answers_is_nobody(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([peer._Socket(0, 5), peer._Socket(0, 6)])
    monkeypatch.setattr(peer, "_look_up", lambda *_: next(answers))
    assert peer.user_of_peer(*ends[:2]) is None


@pytest.mark.parametrize("address", ["192.0.2.1", "::ffff:192.0.2.1", "fe80::1%lo", "", "host"])
def test_an_end_elsewhere_has_no_user_here(address: str) -> None:
    assert peer.user_of_peer((address, 1), ("127.0.0.1", 2)) is None


ROWS = [
    "0: 0100007F:1234 00000000:0000 0A 0:0 00:0 0 7 0 41",
    "1: 0100007F:1234 0100007F:15B3 06 0:0 00:0 0 0 0 0",
]


def test_neither_a_listener_nor_an_orphan_is_the_socket() -> None:
    assert peer.find_row(ROWS, ("127.0.0.1", 0x1234), ("127.0.0.1", 0x15B3)) is None
    assert peer.find_row(ROWS, ("127.0.0.1", 0x1234), ("0.0.0.0", 0)) is None
