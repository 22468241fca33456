"""Requests for the operations that the manager describes: with right, nearly right and wrong input."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from itertools import accumulate
from random import Random
from typing import Any
from urllib.parse import quote, quote_from_bytes, urlencode

from msgspec.structs import replace

from cube.wire.openapi import description
from cube.wire.operations import MANAGER
from tests.fuzz import documents, texts
from tests.fuzz.request import TOKEN_ROLES, Due, Request, placeholder

HOST = b"Host: localhost:5555\r\n"
METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "get",
    "PURGE",
    "M-SEARCH",
)
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
TYPES = (
    "application/json", "text/plain", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "application/xml", "application/json; charset=utf-16", "",
    ";", "a/b/c", "application/" + "x" * 300, "*/*", "application/json; charset=\xff",
)  # fmt: skip
STREAMS = frozenset(one.id for one in MANAGER if one.streams)
RARE = frozenset({"makeBackup", "rotateRoot", "checkAudit", "getUsage"})
"""Operations of which each costs the manager much of its time: of making keys, of its disk, of waiting for workers."""
RARELY = 0.1


@functools.cache
def described() -> tuple[list[tuple[str, str, dict[str, Any]]], Mapping[str, Any]]:
    """Return method, path and description of each operation, those of workers too, and the schemas."""
    document = description("0", [replace(one, role=None) for one in MANAGER])
    told = [
        (method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return told, document["components"]["schemas"]


@functools.cache
def _weights() -> list[float]:
    """How often each is asked for, summed up: the more it takes, the more can be wrong with it."""
    return list(
        accumulate(
            RARELY
            if operation["operationId"] in RARE
            else 1 + len(operation["parameters"]) + 5 * ("requestBody" in operation)
            for _, _, operation in described()[0]
        )
    )


def draw(number: int, dice: Random) -> Request:
    """Return a whole request for one of the operations."""
    operations, schemas = described()
    method, path, operation = dice.choices(operations, cum_weights=_weights())[0]
    if dice.random() < 0.06:
        method = dice.choice(METHODS)
    target = _path(path, dice) + _query(operation, dice)
    lines = _headers(operation, dice)
    body = _body(operation, schemas, dice)
    lines += _framing(body, dice)
    head = f"{method} ".encode() + target + b" HTTP/1.1\r\n" + HOST + b"".join(lines) + b"\r\n"
    streams = (operation["operationId"] in STREAMS and method == "GET") or b"event-stream" in head
    return Request(
        number=number,
        about=f"{method} {operation['operationId']}",
        data=head + _framed(body, lines),
        due=Due.HEAD if streams else Due.ANSWER,
        safe=method in SAFE,
        stranger=dice.random() < 0.03,
    )


def _path(path: str, dice: Random) -> bytes:
    parts = []
    for part in path.split("/"):
        if not part.startswith("{"):
            parts.append(part.encode())
        elif dice.random() < 0.6:
            parts.append(dice.choice(texts.NAMES).encode())
        elif dice.random() < 0.1:
            parts.append(quote_from_bytes(dice.randbytes(dice.randint(1, 6))).encode())
        else:
            parts.append(quote(texts.text(dice).encode("utf-8", "surrogatepass"), safe="").encode())
    if dice.random() < 0.03:
        parts.insert(
            dice.randrange(len(parts) + 1),
            dice.choice((b"", b"..", b".", b"%2e%2e", b";x", b"tasks")),
        )
    return b"/" + b"/".join(parts).lstrip(b"/")


def _query(operation: dict[str, Any], dice: Random) -> bytes:
    pairs = []
    for one in operation["parameters"]:
        if one["in"] == "query" and dice.random() < 0.3:
            pairs.append((one["name"], _plain(one["schema"], dice)))
    if pairs and dice.random() < 0.05:
        pairs.append(dice.choice(pairs))
    if dice.random() < 0.05:
        pairs.append((texts.text(dice), texts.text(dice)))
    if not pairs:
        return b""
    query = urlencode(pairs, errors="surrogatepass")
    if dice.random() < 0.05:
        query = dice.choice(("&", "=", "&&=&", "%", "%ff", "a=%ED%A0%80", ";", "+")) + query
    return b"?" + query.encode()


def _plain(schema: Mapping[str, Any], dice: Random) -> str:
    """Return a value of a parameter as text."""
    drawn = documents.value(schema, described()[1], dice)
    if isinstance(drawn, bool):
        return dice.choice(("true", "false", "1", "0", ""))
    return drawn if isinstance(drawn, str) else str(drawn)


def _headers(operation: dict[str, Any], dice: Random) -> list[bytes]:
    lines = []
    for one in operation["parameters"]:
        if one["in"] == "header" and dice.random() < 0.15:
            lines.append(_line(one["name"], dice.choice(_GIVEN.get(one["name"], ("x",)))))
            if dice.random() < 0.2:
                lines[-1] = _line(one["name"], texts.text(dice))
    if dice.random() < 0.1:
        lines.append(b"Authorization: Bearer " + placeholder(dice.choice(TOKEN_ROLES)) + b"\r\n")
    if dice.random() < 0.15:
        lines.append(_line(*dice.choice(_ODD)))
    if dice.random() < 0.03:
        lines.append(_line(dice.choice(_HEADERS), texts.text(dice)))
    return lines


def _body(operation: dict[str, Any], schemas: Mapping[str, Any], dice: Random) -> bytes:
    if "requestBody" not in operation:
        if dice.random() < 0.9:
            return b""
        return documents.written(documents.anything(dice), dice)
    content = operation["requestBody"]["content"]["application/json"]
    pick = dice.random()
    if pick < 0.6:
        document = documents.value(content["schema"], schemas, dice)
    elif "example" in content and pick < 0.7:
        document = documents.mutated(content["example"], dice)
    else:
        document = dice.choice(documents.FORMS)
        if dice.random() < 0.8:
            document = documents.mutated(document, dice)
    if dice.random() < 0.02:
        document = [document] * dice.choice((0, 1, 3, 50))
    return documents.written(document, dice)


def _framing(body: bytes, dice: Random) -> list[bytes]:
    lines = []
    if body or dice.random() < 0.3:
        chunked = bool(body) and dice.random() < 0.05
        lines.append(
            b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % len(body)
        )
    if body and dice.random() < 0.3:
        lines.append(_line("Content-Type", dice.choice(TYPES)))
    return lines


def _framed(body: bytes, lines: list[bytes]) -> bytes:
    if b"Transfer-Encoding: chunked\r\n" not in lines:
        return body
    middle = len(body) // 2
    pieces = [piece for piece in (body[:middle], body[middle:]) if piece]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _line(name: str, value: str) -> bytes:
    """Return a header line that is one: what breaks lines is left out."""
    clean = "".join(letter for letter in value if letter not in "\r\n\0")
    return f"{name}: ".encode() + clean.encode("utf-8", "surrogatepass") + b"\r\n"


_GIVEN = {
    "Idempotency-Key": ("k1", "k2", "k" * 255, "k" * 256, "", "ä", "a b", "%00"),
    "If-Match": ("1", '"1"', '"1-ff"', "*", 'W/"1"', '"1", "2"', "-1", "9" * 40, '"', ""),
    "Last-Event-ID": ("0", "1", "x", "-1", "9" * 40, "a-b", ""),
    "If-None-Match": ('"1"', "*", "x", ""),
}
_HEADERS = (
    "Accept",
    "Range",
    "Expect",
    "X-Request-ID",
    "Cookie",
    "Content-Encoding",
    "Authorization",
    "Origin",
    "If-Match",
)
_ODD = (
    ("Accept", "application/json"), ("Accept", "text/html, */*;q=0.1"),
    ("Accept", "application/json;q=0"), ("Accept", "application/json;q=nan"),
    ("Accept", ";q=1,,/,a/"), ("Accept", "text/event-stream"), ("Accept", "*/*;q=9e999"),
    ("Accept-Encoding", "gzip;q=1, *;q=0"), ("Authorization", "Bearer"),
    ("Authorization", "Basic YTpi"), ("Authorization", "Bearer x y"),
    ("Authorization", "Bearer cube1_" + "0" * 8 + "_" + "0" * 64 + "_" + "0" * 8),
    ("Origin", "null"), ("Origin", "http://localhost:5555"), ("Origin", "http://["),
    ("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"),
    ("Expect", "100-continue"), ("Expect", "200-ok"), ("Content-Encoding", "gzip"),
    ("Content-Encoding", "deflate, br"), ("Range", "bytes=0-1"), ("X-Request-ID", "x" * 64),
    ("X-Request-ID", "x" * 65), ("X-Request-ID", "a b"), ("Cookie", "a=b; c"),
    ("X-Forwarded-For", "1.2.3.4"), ("X-HTTP-Method-Override", "DELETE"), ("Upgrade", "h2c"),
    ("Upgrade", "websocket"), ("Connection", "keep-alive, upgrade"), ("TE", "trailers"),
    ("Content-Language", "xx"), ("If-Modified-Since", "now"), ("Date", "x"),
    ("Transfer-Encoding", ""),
)  # fmt: skip
