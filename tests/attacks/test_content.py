"""A27 to A30, A34, A35: hostile content, hostile pace, and what lies around."""

from __future__ import annotations

import asyncio
import os
import stat
from importlib.metadata import version

import pytest
from aiohttp import http_parser
from msgspec.structs import replace

from cube.manager.recognition import user_of_this_machine
from cube.settings import ManagerSettings
from tests.attacks.conftest import Target, under_attack

SOON = 5.0  # refusals take milliseconds; the rest of a refused body is waited for, for two seconds


@pytest.mark.parametrize(
    "text", ["' OR 1=1 --", "(a+)+$", "%", "*" * 60, "a" * 30 + "!", "\\", "{{7*7}}", "$(id)"]
)
@pytest.mark.parametrize("name", ["name", "label", "node", "state", "cursor"])
async def test_a27_filters_are_taken_literally(known: Target, name: str, text: str) -> None:
    await known.ask("POST", "/task", json={"name": "web", "image": "busybox"})
    async with asyncio.timeout(SOON):
        status, body, _ = await known.ask("GET", "/task", params={name: text})
    everything = set(text) == {"*"}  # which means any name
    assert status in (400, 404) or body == [] or everything


@pytest.mark.parametrize(
    "ref",
    [
        *("..%2f..%2fetc%2fpasswd", "%2e%2e", "web%00", "web%0d%0aX:1", "%E2%80%AEweb", "a" * 300),
        *("web%2f..", "%5c..%5c", "%ff", "~root", "%20"),
    ],
)
@pytest.mark.parametrize("root", ["task", "node", "token"])
async def test_a28_a_path_that_is_no_name_is_refused(known: Target, root: str, ref: str) -> None:
    head = f"DELETE /{root}/{ref} HTTP/1.1\r\nHost: localhost:{known.manager.port}\r\n"
    answer = await known.raw(f"{head}Connection: close\r\n\r\n".encode())
    assert answer.split()[1] in (b"400", b"404", b"405")


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"[" * 100_000, 400),
        ({}, b'{"a":' * 5_000, 400),
        ({"Content-Encoding": "gzip"}, b"\x1f\x8b", 415),
        ({"Content-Length": "99999999999"}, b"", 413),
        ({}, b'{"name": "x", "name": "y"}', 400),
        ({}, b'{"cpu": 1e999}', 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x", 415),
        (dict.fromkeys((f"X-{number}" for number in range(300)), "1"), b"", 400),
        ({"X-Long": "x" * 20_000}, b"", 400),
    ],
    ids=range(9),
)
async def test_a29_a_bomb_is_refused(
    known: Target, headers: dict[str, str], body: bytes, status: int
) -> None:
    lines = {"Host": f"localhost:{known.manager.port}", "Connection": "close"}
    lines |= {"Content-Length": str(len(body))} | headers
    head = "POST /task HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in lines.items()
    )
    async with asyncio.timeout(SOON):
        answer = await known.raw(head.encode() + b"\r\n" + body)
    assert int(answer.split()[1]) == status


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"GET /task HTTP/1.1\r\nHost: loc"])
async def test_a30_a_head_that_drips_is_cut(known: Target, sent: bytes) -> None:
    async with asyncio.timeout(SOON):
        answer = await known.raw(sent)
    assert answer.split()[1] == b"408"


@pytest.mark.slow
async def test_a30_a_head_that_drips_behind_a_good_request_is_cut_too(known: Target) -> None:
    good = f"GET /healthz HTTP/1.1\r\nHost: localhost:{known.manager.port}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", known.manager.port)
    writer.write(good.encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"GET /he")
    async with asyncio.timeout(SOON):
        rest = await reader.read()
    writer.close()
    assert b" 408 " in rest


@pytest.mark.slow
async def test_a30_strangers_crowd_out_nobody(settings: ManagerSettings) -> None:
    limits = replace(settings.limits, strangers=5, strangers_per_address=5, head_seconds=30.0)
    async with under_attack(replace(settings, limits=limits)) as target:
        target.recognises = lambda transport: None
        opened = [
            await asyncio.open_connection("127.0.0.1", target.manager.port) for _ in range(12)
        ]
        async with asyncio.timeout(SOON):
            gone = await asyncio.gather(
                *(reader.read() for reader, _ in opened[:7]), return_exceptions=True
            )
        assert len(gone) == 7
        target.recognises = user_of_this_machine
        assert (await target.ask("GET", "/task"))[0] == 200
        assert not any(reader.at_eof() for reader, _ in opened[7:])
        for _, writer in opened:
            writer.close()


async def test_a34_what_the_manager_writes_is_its_users_alone(settings: ManagerSettings) -> None:
    before = os.umask(0)
    try:
        async with under_attack(settings) as target:
            await target.ask("POST", "/backup")
            modes = {
                path: stat.S_IMODE(path.stat().st_mode)
                for path in [settings.data, *settings.data.rglob("*")]
            }
    finally:
        os.umask(before)
    assert {path.name: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def test_a35_the_http_library_is_as_new_as_its_fixes_and_compiled() -> None:
    assert tuple(map(int, version("aiohttp").split(".")[:3])) >= (3, 14, 5)
    assert http_parser.HttpRequestParser is not http_parser.HttpRequestParserPy
