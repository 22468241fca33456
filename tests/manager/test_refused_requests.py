"""What no honest client sends: each is refused as a problem, and nothing is stored."""

from __future__ import annotations

import asyncio
import json

import pytest

from cube.manager.app import Manager
from tests.manager.conftest import Api

GOOD = '{"name":"web","image":"busybox"}'
BAD_BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "a number": b"3",
    "NaN": b'{"name":"web","image":"b","replicas":NaN}',
    "infinity": b'{"name":"web","image":"b","replicas":1e999}',
    "a key twice": b'{"name":"web","name":"web","image":"b"}',
    "a lone surrogate": b'{"name":"web","image":"\\ud800"}',
    "NUL": b'{"name":"web","image":"b\\u0000"}',
    "UTF-16": GOOD.encode("utf-16"),
    "bad UTF-8": b'{"name":"web","image":"\xff"}',
    "deep nesting": b"[" * 20_000 + b"]" * 20_000,
    "a number of a megabyte": b'{"name":"web","image":"b","replicas":' + b"9" * 50_000 + b"}",
    "an unknown key": b'{"name":"web","image":"b","privilegd":true}',
    "a wrong type": b'{"name":"web","image":"b","replicas":"many"}',
    "no image": b'{"name":"web"}',
}
BAD_NAMES = ["..", "a/b", "%2f", "a\x00b", "a\r\nb", "‮web", "a" * 10_000, "wеb", "Web", "-web", ""]  # fmt: skip
BAD_REFERENCES = ["..%2f..%2fetc", "%00", "a%0d%0ab", "%e2%80%ae", "a" * 200, "%20", "-rf", "%252f"]


async def stored_nothing(api: Api) -> bool:
    return bool(await api.get("/task") == [] and await api.get("/event") == [])


@pytest.mark.parametrize("what", BAD_BODIES)
async def test_a_bad_body_is_refused(api: Api, what: str) -> None:
    status, problem, answer = await api.ask("POST", "/task", data=BAD_BODIES[what])
    assert 400 <= status < 500
    assert answer.content_type == "application/problem+json"
    assert problem["detail"] and problem["status"] == status
    assert await stored_nothing(api)


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_a_bad_name_is_refused(api: Api, name: str) -> None:
    status, problem, _ = await api.ask("POST", "/task", {"name": name, "image": "busybox"})
    assert (status, problem["errors"][0]["path"]) == (400, "name")
    assert await stored_nothing(api)


@pytest.mark.parametrize("reference", BAD_REFERENCES)
@pytest.mark.parametrize("path", ["/task/{}", "/node/{}", "/task/{}/logs", "/event?task={}"])
async def test_a_bad_reference_is_refused(manager: Manager, path: str, reference: str) -> None:
    status, body = await raw(manager, f"GET {path.format(reference)} HTTP/1.1", "Host: localhost:1")
    assert status in (400, 404) and json.loads(body)["status"] == status


async def test_a_long_body_is_refused(api: Api) -> None:
    body = json.dumps({"name": "web", "image": "b", "env": {"A": "x" * 70_000}}).encode()
    status, problem, _ = await api.ask("POST", "/task", data=body)
    assert (status, problem["code"]) == (413, "too_large")
    assert await stored_nothing(api)


async def test_a_body_announced_as_huge_is_refused_before_it_comes(manager: Manager) -> None:
    status, body = await raw(
        manager, "POST /task HTTP/1.1", "Host: localhost:1", "Content-Length: 99999999999"
    )
    assert (status, json.loads(body)["code"]) == (413, "too_large")


async def test_a_compressed_body_is_refused(api: Api) -> None:
    headers = {"Content-Encoding": "gzip"}
    status, problem, _ = await api.ask("POST", "/task", data=b"\x1f\x8b", headers=headers)
    assert (status, problem["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["GET /task HTTP/1.0", "Host: localhost:1"], 426),
        (["GET http://localhost:1/task HTTP/1.1", "Host: localhost:1"], 400),
        (["GET /task HTTP/1.1", "Host: evil.com:1"], 421),
        (["GET /task HTTP/1.1", "Host: localhost:1", "Host: localhost:1"], 400),
        (["GET /task HTTP/1.1"], 400),
        (["GET /task HTTP/1.1", "Host: localhost:1", "Origin: http://evil.com"], 403),
        (["POST /task HTTP/1.1", "Host: localhost:1", "Origin: null"], 403),
        (["DELETE /task/web HTTP/1.1", "Host: localhost:1", "Origin: http://localhost:2"], 403),
        (["GET /nope HTTP/1.1", "Host: localhost:1"], 404),
        (["PATCH /task HTTP/1.1", "Host: localhost:1"], 405),
        (
            ["GET /task HTTP/1.1", "Host: localhost:1", "Content-Length: 1", "Content-Length: 2"],
            400,
        ),
        (["GET /task HTTP/1.1", "Host: localhost:1", "X: " + "a" * 20_000], 400),
        (["GET /worker/session HTTP/1.1", "Host: localhost:1"], 400),
        (["GET /worker/session HTTP/1.1", "Host: evil.com:1", "Upgrade: websocket"], 421),
        (["POST /worker/stream/none HTTP/1.1", "Host: localhost:1", "Content-Length: 0"], 404),
        (["hello"], 400),
    ],
)
async def test_a_bad_request_is_told_as_a_problem(
    manager: Manager, lines: list[str], expected: int
) -> None:
    status, body = await raw(manager, *lines)
    assert status == expected
    assert json.loads(body)["status"] == expected


async def test_what_is_allowed_instead_is_told(api: Api) -> None:
    status, _, answer = await api.ask("PATCH", "/task")
    assert (status, answer.headers["Allow"]) == (405, "GET,HEAD,POST")


async def test_every_answer_has_a_number_to_find_it_by(api: Api) -> None:
    headers = {"X-Request-ID": "mine-1"}
    _, _, answer = await api.ask("GET", "/nope", headers=headers)
    assert answer.headers["X-Request-ID"] == "mine-1"
    _, _, answer = await api.ask("GET", "/task", headers={"X-Request-ID": "no number"})
    assert answer.headers["X-Request-ID"] not in ("", "no number")


async def raw(manager: Manager, *lines: str) -> tuple[int, bytes]:
    """Send these lines, and return status and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", manager.port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            return int(head.split()[1]), await reader.readexactly(length)
    finally:
        writer.close()
        await writer.wait_closed()
