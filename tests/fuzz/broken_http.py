"""Bytes that are nearly HTTP: lines, lengths and chunks that can be read in two ways, or in none."""

from __future__ import annotations

from random import Random

from tests.fuzz import texts
from tests.fuzz.operations import HOST
from tests.fuzz.request import Due, Request

SMUGGLED = b'{"name":"smuggled","image":"busybox"}'
"""The body of a request that stands where no request should be read."""
HIDDEN = (
    b"POST /task HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED
)
BODY = b'{"name":"fuzz-1","image":"busybox"}'
LINES = (
    b"GET /task HTTP/1.0", b"GET /task HTTP/0.9", b"GET /task HTTP/2.0", b"GET /task HTTP/1.1.1",
    b"GET /task", b"GET", b"", b"GET  /task HTTP/1.1", b"GET /task\tHTTP/1.1",
    b"GET /task HTTP/1.1 ", b" GET /task HTTP/1.1", b"\r\nGET /task HTTP/1.1",
    b"GET\x00/task HTTP/1.1", b"GET /ta\x00sk HTTP/1.1", b"GET http://evil.example/task HTTP/1.1",
    b"GET http://localhost:5555/task HTTP/1.1", b"GET //evil.example/task HTTP/1.1",
    b"GET * HTTP/1.1", b"OPTIONS * HTTP/1.1", b"CONNECT localhost:5555 HTTP/1.1",
    b"CONNECT evil.example:443 HTTP/1.1", b"GET task HTTP/1.1", b"GET ?x HTTP/1.1",
    b"GET #x HTTP/1.1", b"GET /task#x HTTP/1.1", b"GET /task?\xff HTTP/1.1",
    b"GET /\xff\xfe HTTP/1.1", b"GET /task?a=%ff&b=%00 HTTP/1.1", b"GET http://[::1/task HTTP/1.1",
    b"GET http:///task HTTP/1.1", b"GET http://user:x@localhost/task HTTP/1.1",
    b"GET /" + b"a" * 9_000 + b" HTTP/1.1", b"GET /" + b"a/" * 4_000 + b" HTTP/1.1",
    b"GET /?" + b"a=1&" * 6_000 + b" HTTP/1.1", b"G" * 9_000 + b" /task HTTP/1.1",
    b"G\xc3\x89T /task HTTP/1.1", b"GET /" + b"a" * 70_000 + b" HTTP/1.1",
    b"GET /task HTTP/1.1\rX: y", b"GET /%0d%0aX:%20y HTTP/1.1", b"PRI * HTTP/2.0", b"SSH-2.0-x",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET http://[v1.x]/task HTTP/1.1",
    b"GET http://localhost:99999/ HTTP/1.1", b"GET http://localhost:x/ HTTP/1.1",
    b"GET \\task HTTP/1.1", b"GET ../task HTTP/1.1", b"GET : HTTP/1.1", b"GET /:x HTTP/1.1",
    b"GET a:b HTTP/1.1",
)  # fmt: skip
HEADERS = (
    b"Host: evil.example\r\n", b"Host:\r\n", b"Host: localhost:5555, evil.example\r\n",
    b"host : localhost\r\n", b"Host: localhost:99999\r\n", b"Host: [::1\r\n",
    b"Host: localhost:5555@evil.example\r\n", b"Host: LOCALHOST.:5555\r\n", b"Host: \xff\r\n",
    b"Host: localhost:0x15\r\n", b"Host: [::1%25eth0]\r\n", b"Host: \xe2\x84\xaa\r\n",
    b"Content-Length: -1\r\n", b"Content-Length: +3\r\n", b"Content-Length: 3, 3\r\n",
    b"Content-Length: 3\r\nContent-Length: 4\r\n", b"Content-Length: 0x3\r\n",
    b"Content-Length: 1e3\r\n", b"Content-Length: " + b"9" * 400 + b"\r\n", b"Content-Length: \r\n",
    b"Content-Length: \xd9\xa3\r\n", b"Content-Length: 99999999999\r\n", b"Content-Length: 5\r\n",
    b"Content-Length : 3\r\n", b"Content-Length: 3_0\r\n", b"Content_Length: 3\r\n",
    b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: chunked, gzip\r\n",
    b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding:\x0bchunked\r\n",
    b"Transfer-Encoding: \"chunked\"\r\n", b"Transfer-Encoding\r\n: chunked\r\n",
    b"Transfer-Encoding: chunked\r\n", b"TE: chunked\r\n", b"X: a\r\n b\r\n", b" X: y\r\n",
    b"X\r\n", b": y\r\n", b"X: a\x00b\r\n", b"X: a\nY: b\r\n", b"X: a\rY: b\r\n", b"X(): y\r\n",
    b"X\xff: y\r\n", b"X: " + b"y" * 40_000 + b"\r\n", b"X" * 9_000 + b": y\r\n",
    b"".join(b"X-%d: y\r\n" % one for one in range(70)),
    b"".join(b"X-%d: y\r\n" % one for one in range(3_000)), b"X: y\n",
    b"Connection: close, keep-alive\r\n", b"Connection: Host\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"Expect: 100-continue\r\n", b"Expect: x\r\n",
    b"Content-Encoding: gzip\r\n", b"Content-Type: \xff\r\n",
    b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    b"Sec-WebSocket-Version: 99999999999\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    b"Cookie: " + b"a=b; " * 3_000 + b"\r\n", b"Accept: " + b"a/b;q=0.1," * 2_000 + b"\r\n",
    b"Authorization: Bearer " + b"x" * 8_000 + b"\r\n", b"Authorization: \xff\xfe\r\n",
    b"Range: bytes=" + b"0-1," * 2_000 + b"\r\n",
)  # fmt: skip
CHUNKS = (
    b"0\r\n\r\n", b"-1\r\nx\r\n0\r\n\r\n", b"+1\r\nx\r\n0\r\n\r\n", b"0x1\r\nx\r\n0\r\n\r\n",
    b"g\r\n", b"ffffffffffffffff\r\nx", b"1 \r\nx\r\n0\r\n\r\n", b"1;a=b\r\nx\r\n0\r\n\r\n",
    b"1;" + b"a" * 9_000 + b"\r\nx\r\n0\r\n\r\n", b"1\nx\n0\n\n", b"1\r\nxx\r\n0\r\n\r\n",
    b"1\r\nx0\r\n\r\n", b"1;\n\r\nx\r\n0\r\n\r\n", b"0\r\nX: y\r\n\r\n",
    b"0\r\n" + b"X: y\r\n" * 500 + b"\r\n", b"0\r\nContent-Length: 3\r\n\r\n",
    b"1\r\n{\r\n" * 300 + b"0\r\n\r\n", b"000000000000000000001\r\nx\r\n0\r\n\r\n", b"1\r\nx\r\n",
    b"\r\n", b"5\r\nabc", b"0\r\n\r\n" + HIDDEN,
)  # fmt: skip


def draw(number: int, dice: Random) -> Request:
    """Return what may be no request at all."""
    kind = dice.choice((_line, _header, _header, _chunked, _short, _bytes, _behind))
    about, data = kind(dice)
    return Request(number=number, about=about, data=data, due=Due.ANYTHING)


def _line(dice: Random) -> tuple[str, bytes]:
    return "request line", dice.choice(LINES) + b"\r\n" + HOST + b"\r\n"


def _header(dice: Random) -> tuple[str, bytes]:
    method = dice.choice(
        (
            b"GET /task",
            b"POST /task",
            b"PUT /task/web",
            b"GET /worker/session",
            b"DELETE /task/fuzz-9",
        )
    )
    lines = [HOST, dice.choice(HEADERS)]
    if dice.random() < 0.3:
        lines[dice.randrange(2)] = dice.choice(HEADERS)
    if dice.random() < 0.3:
        lines.append(dice.choice(HEADERS))
    dice.shuffle(lines)
    return "header", method + b" HTTP/1.1\r\n" + b"".join(lines) + b"\r\n" + dice.choice(
        (b"", BODY, HIDDEN, b"abc")
    )


def _chunked(dice: Random) -> tuple[str, bytes]:
    head = b"POST /task HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    body = dice.choice(CHUNKS)
    return "chunks", head + (texts.spoilt(body, dice) if dice.random() < 0.3 else body)


def _short(dice: Random) -> tuple[str, bytes]:
    """A request that breaks off, or whose body is longer or shorter than it says."""
    length = len(BODY) + dice.choice((-20, -1, 1, 20, 60_000, 70_000, 10**7))
    whole = (
        b"POST /task HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % max(0, length) + BODY
    )
    return "length", whole if dice.random() < 0.5 else whole[: dice.randrange(len(whole))]


def _bytes(dice: Random) -> tuple[str, bytes]:
    whole = b"POST /task HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    if dice.random() < 0.9:
        return "spoilt bytes", texts.spoilt(whole, dice)
    return "any bytes", dice.randbytes(dice.randint(1, 3_000))


def _behind(dice: Random) -> tuple[str, bytes]:
    """A request that is refused, with another one in what may be its body."""
    lines = dice.choice(HEADERS)
    return "hidden request", b"POST /nothing HTTP/1.1\r\n" + HOST + lines + b"\r\n" + HIDDEN
