"""Which Host and Origin headers are let in."""

from __future__ import annotations

import pytest

from cube.security.hosts import HostGuard, is_loopback

GUARD = HostGuard()


@pytest.mark.parametrize(
    "host", ["localhost:5555", "127.0.0.1:5555", "[::1]:5555", "LOCALHOST:5555", "localhost:8080"]
)
def test_names_of_this_machine_are_known(host: str) -> None:
    assert GUARD.knows(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "evil.com",
        "evil.com:5555",
        "localhost.evil.com:5555",
        "localhost.:5555",
        "user@localhost:5555",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        "localhost:５５５５",
        "localhost:5555:5555",
        "::1:5555",
        "[::1%25lo]:5555",
        "127.1:5555",
        "0.0.0.0:5555",
    ],
)
def test_all_other_names_are_strange(host: str) -> None:
    assert not GUARD.knows(host)


def test_a_request_from_no_page_or_from_a_page_of_this_server_is_admitted() -> None:
    assert GUARD.admits("localhost:5555", None)
    assert GUARD.admits("localhost:5555", "http://localhost:5555")


@pytest.mark.parametrize(
    "origin", ["null", "", "http://evil.com", "http://localhost:8080", "file://"]
)
def test_a_request_from_any_other_page_is_not(origin: str) -> None:
    assert not GUARD.admits("localhost:5555", origin)


def test_only_addresses_of_this_machine_are_loopback() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"))
    assert not any(
        is_loopback(host)
        for host in ("", "0.0.0.0", "::", "127.evil.com", "127.0.0.1.evil.com", "127.0.0.256")
    )
