from __future__ import annotations

import socket
from unittest.mock import Mock

import aiohttp
import pytest

from cube.worker.dialling import health_url, in_words, is_denial, session_url


@pytest.mark.parametrize(
    ("tls", "session", "health"),
    [
        (False, "ws://[::1]:5555/worker/session", "http://[::1]:5555/healthz"),
        (True, "wss://[::1]:5555/worker/session", "https://[::1]:5555/healthz"),
    ],
)
def test_session_and_health_are_at_one_place(tls: bool, session: str, health: str) -> None:
    assert session_url("::1", 5555, tls=tls) == session
    assert str(health_url(session)) == health


@pytest.mark.parametrize(
    ("status", "url", "denied", "words"),
    [
        (401, "wss://h:1", True, "denies this worker's certificate; with a new token it can join"),
        (401, "ws://127.0.0.1:1", True, "does not know this worker's user: run it as root"),
        (503, "wss://h:1", False, "the manager answers 503"),
    ],
)
def test_why_it_is_not_let_in_is_told_by_how_it_came(
    status: int, url: str, denied: bool, words: str
) -> None:
    error = aiohttp.WSServerHandshakeError(Mock(), (), status=status)
    assert is_denial(error) is denied
    assert words in in_words(error, url)


async def test_that_nobody_is_there_is_told_in_the_kernels_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectorError) as raised:
            await http.ws_connect(session_url("127.0.0.1", port))
    assert in_words(raised.value, "ws://h:1") == "connection refused"


def test_a_certificate_that_is_no_good_any_more_is_told_of_by_a_manager_that_hangs_up() -> None:
    for error in (aiohttp.ServerDisconnectedError(), ConnectionResetError(104, "reset")):
        assert "does not accept this worker's certificate" in in_words(error, "wss://h:1")
        assert "certificate" not in in_words(error, "ws://h:1")


def test_what_is_no_answer_is_told_as_it_is() -> None:
    assert in_words(TimeoutError(), "ws://h:1") == "TimeoutError"
    assert not is_denial(OSError("no route"))
