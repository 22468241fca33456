"""A connection to the engine that was upgraded to carry bytes both ways.

Spoken without aiodocker: its stream cannot say that stdin has ended, and reads no more after a lost connection
without telling that from a normal end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from urllib.parse import urlsplit

import msgspec

from cube.runtime.failures import Asked, Refused

CHUNK = 64 * 1024
HEAD_LONGEST = 16 * 1024
ANSWER_LONGEST = 64 * 1024
SWITCHED = 101


class _Problem(msgspec.Struct, frozen=True):
    message: str = ""


class Hijacked:
    """Bytes both ways. Raises OSError when the connection breaks; to be used under `guarded`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ended = False

    async def read(self) -> bytes:
        """Return what came next; empty when the engine has closed its side."""
        return await self._reader.read(CHUNK)

    async def write(self, data: bytes) -> None:
        """Send, waiting while the engine does not read."""
        self._writer.write(data)
        await self._writer.drain()

    def end(self) -> None:
        """Close our side; the engine's stays open. Over TLS there is no such thing, and nothing happens."""
        if not self._ended and self._writer.can_write_eof():
            self._ended = True
            with contextlib.suppress(OSError):  # the engine was faster
                self._writer.write_eof()

    def close(self) -> None:
        """Break it off. Repeats safely."""
        self._writer.transport.abort()


async def hijack(
    asked: Asked, url: str, tls: ssl.SSLContext | None, path: str, body: object
) -> Hijacked:
    """Post to the engine and keep the connection. Refused with the engine's words; to be used under `guarded`."""
    reader, writer = await _connect(url, tls)
    try:
        data = msgspec.json.encode(body)
        head = (
            f"POST /{path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )
        writer.write(head.encode("ascii") + data)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        if status != SWITCHED:
            raise Refused(asked, status, _message(await reader.read(ANSWER_LONGEST)))
    except BaseException as error:
        writer.transport.abort()
        if isinstance(error, (asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError)):
            raise ConnectionResetError("the engine did not upgrade the connection") from error
        raise
    return Hijacked(reader, writer)


async def _connect(
    url: str, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if url.startswith("unix://"):
        return await asyncio.open_unix_connection(url.removeprefix("unix://"), limit=HEAD_LONGEST)
    parts = urlsplit(url)
    secure = tls or (parts.scheme == "https" or None)
    port = parts.port or (2376 if secure else 2375)
    return await asyncio.open_connection(parts.hostname, port, ssl=secure, limit=HEAD_LONGEST)


def _message(body: bytes) -> str:
    start, end = body.find(b"{"), body.rfind(b"}")  # it may come chunked
    try:
        return msgspec.json.decode(body[start : end + 1], type=_Problem).message
    except ValueError:
        return "an error without a message"
