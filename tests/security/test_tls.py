from __future__ import annotations

import inspect
import ssl
import time
from asyncio.sslproto import SSLProtocol
from datetime import timedelta
from pathlib import Path

import pytest

from cube.security.authority import Authority
from cube.security.tls import (
    BUFFER_BYTES,
    client_context,
    clocks_apart,
    in_words,
    server_context,
    small_buffers,
)


def test_asyncio_still_has_the_buffer_that_is_made_small() -> None:
    assert isinstance(SSLProtocol.max_size, int)
    small_buffers()
    assert SSLProtocol.max_size == BUFFER_BYTES
    assert "self.max_size" in inspect.getsource(SSLProtocol.__init__)  # it is what is allocated


def shaken(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> None:
    """Shake hands in memory."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=host), server.wrap_bio(up, down, True)]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


NOW = time.time_ns() // 1_000_000  # certificates are judged by the clock of the machine
LIFE = timedelta(days=1)


@pytest.mark.parametrize(
    ("host", "shift", "words"),
    [
        ("10.0.0.9", 0, "not for 10.0.0.9; start it with --advertise 10.0.0.9"),
        ("other", 0, "not for other"),
        ("10.0.0.1", -10, "expired by this machine's clock"),
        ("10.0.0.1", 10, "clock is behind the manager's"),
    ],
)
def test_a_handshake_that_fails_is_told_in_words(
    tmp_path: Path, host: str, shift: int, words: str
) -> None:
    authority = Authority(tmp_path / "ca", "c", NOW)
    own = authority.issue_manager(["10.0.0.1"], NOW + shift * 24 * 3600 * 1000, LIFE)
    server = server_context(own, authority.bundle)
    with pytest.raises(ssl.SSLError) as failed:
        shaken(server, client_context(authority.bundle), host)
    assert words in in_words(failed.value, host)


def test_another_authority_is_named_as_such(tmp_path: Path) -> None:
    authority, other = (Authority(tmp_path / name, "c", NOW) for name in ("ca", "other"))
    server = server_context(authority.issue_manager(["10.0.0.1"], NOW, LIFE), authority.bundle)
    with pytest.raises(ssl.SSLError) as failed:
        shaken(server, client_context(other.bundle), "10.0.0.1")
    assert "another authority signed" in in_words(failed.value, "10.0.0.1")


def test_a_good_one_is_let_in(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", "c", NOW)
    own = authority.issue_manager(["10.0.0.1", "name"], NOW, LIFE)
    for host in ("10.0.0.1", "name"):
        shaken(server_context(own, authority.bundle), client_context(authority.bundle), host)


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        (0, 100, ""),
        (0, 3 * 3600, "this machine's clock is 3 h behind the manager's"),
        (600, 0, "this machine's clock is 10 min ahead of the manager's"),
        (0, 3 * 86400, "this machine's clock is 3 days behind the manager's"),
    ],
)
def test_clocks_are_compared_in_words(here: float, there: float, words: str) -> None:
    assert clocks_apart(here, there) == words
