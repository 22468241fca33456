"""A7 to A10, A31: what a hostile page or a hostile client can make of HTTP itself."""

from __future__ import annotations

import pytest

from cube.wire.operation import Operation
from cube.wire.operations import MANAGER
from tests.attacks.conftest import Target

EVIL = "https://evil.example"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")


@pytest.mark.parametrize(
    "host",
    [
        *("evil.com", "evil.com:{port}", "localhost.evil.com:{port}", "localhost.:{port}"),
        *("user@localhost:{port}", "localhost", "[::ffff:127.0.0.1]:{port}", "127.1:{port}"),
        *("2130706433:{port}", "localhost:{port}:{port}", "localhost:0x15b3", ""),
    ],
)
async def test_a7_a_name_that_is_not_this_servers_is_refused(target: Target, host: str) -> None:
    given = host.format(port=target.manager.port)
    answer = await target.raw(
        f"GET /task HTTP/1.1\r\nHost: {given}\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.split()[1] in (b"421", b"400")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET http://evil.com/task HTTP/1.1", b"400"),
        ("GET http://localhost:{port}/task HTTP/1.1", b"400"),
        ("GET /task HTTP/1.0", b"426"),
    ],
)
async def test_a7_a_url_in_the_request_line_and_http_1_0_are_refused(
    target: Target, line: str, status: bytes
) -> None:
    port = target.manager.port
    head = f"{line}\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".format(port=port)
    assert (await target.raw(head.encode())).split()[1] == status


@pytest.mark.parametrize("operation", MANAGER, ids=lambda one: str(one.id))
@pytest.mark.parametrize(
    "page",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
async def test_a8_no_page_of_another_site_gets_through_by_any_method(
    known: Target, operation: Operation, page: dict[str, str]
) -> None:
    path = operation.path.replace("{ref}", "web")
    path = path.replace("{stream_id}", "x").replace("{tunnel_id}", "x")
    assert (await known.ask(operation.method, path, headers=page))[0] == 403


async def test_a8_a_form_of_another_site_changes_nothing(known: Target) -> None:
    body = '{"name": "x", "image": "busybox"}'
    headers = {"Origin": EVIL, "Content-Type": "text/plain"}
    assert (await known.ask("POST", "/task", data=body, headers=headers))[0] == 403
    assert (await known.ask("GET", "/task"))[1] == []


async def test_a8_a_page_of_our_own_gets_through(known: Target) -> None:
    headers = {"Origin": known.base, "Sec-Fetch-Site": "same-origin"}
    assert (await known.ask("GET", "/task", headers=headers))[0] == 200


@pytest.mark.parametrize("method", [*METHODS, "OPTIONS"])
async def test_a9_no_answer_lets_another_site_read_it(known: Target, method: str) -> None:
    headers = {"Origin": EVIL, "Access-Control-Request-Method": "DELETE"}
    _, _, answer = await known.ask(method, "/task", headers=headers)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


SMUGGLED = "POST /recovery/end HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
        ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
        ("Content-Length: 4\r\nContent-Length: 5", "abcd"),
        ("Content-Length: +4", "abcd"),
        ("Content-Length: 4\r\n folded: x", "abcd"),
        ("X-Nul: a\0b\r\nContent-Length: 0", ""),
        ("X-Bare: a\nContent-Length: 0", ""),
        ("Host: localhost:1\r\nContent-Length: 0", ""),
    ],
    ids=lambda text: repr(text)[:40],
)
async def test_a10_a_request_that_could_be_read_in_two_ways_is_refused_and_what_follows_is_not_read(
    known: Target, headers: str, body: str
) -> None:
    port = known.manager.port
    first = f"POST /task HTTP/1.1\r\nHost: localhost:{port}\r\n{headers}\r\n\r\n{body}"
    answer = await known.raw((first + SMUGGLED.format(port=port)).encode())
    assert answer.split()[1] == b"400"
    assert answer.count(b"HTTP/1.") == 1
    entries = (await known.ask("GET", "/audit"))[1]
    assert [one for one in entries if one["action"] == "endRecovery"] == []


async def test_a31_an_upgrade_that_fails_leaves_no_tunnel(target: Target) -> None:
    port = target.manager.port
    head = (
        f"GET /worker/session HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    answer = await target.raw((head + SMUGGLED.format(port=port)).encode())
    assert answer.split()[1] == b"401"
    assert b" 101 " not in answer and b" 204 " not in answer
