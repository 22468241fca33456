"""Sends bytes as they are, and reads what comes back, by a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from tests.fuzz.operations import HOST
from tests.fuzz.request import Due, Request
from tests.fuzz.target_process import STRANGER

DEADLINE = 10.0
"""Until there is an answer, or the end of a connection that gets none. The manager's limits are a hundredth of it."""
LAST = b"GET /nothing/behind HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
"""What follows each request that may be none: its answer is 404, and the end of the connection."""
LONGEST = 1 << 24  # of a body, in bytes
HEAD_LONGEST = 1 << 16


class Heard(msgspec.Struct):
    """What came back: the status of each answer, and the first body."""

    statuses: list[int] = []
    body: bytes = b""
    hung: bool = False
    """Neither an answer nor an end came by the deadline."""


class Caller:
    """One who asks one thing after the other. A connection is used again where both sides may."""

    def __init__(self, port: int, tokens: Mapping[bytes, bytes]) -> None:
        self._port = port
        self._tokens = tokens
        self._kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Request) -> Heard:
        """Send it and return what came back. Never raises for what the other side does.

        As every client does it asks once more where a connection ended without a word: that it was used again may have
        crossed with its end, and on a busy machine the manager's short limits are over before anything was read.
        """
        heard = await self._ask_in_time(request)
        if not heard.statuses and not heard.hung and request.due is not Due.ANYTHING:
            heard = await self._ask_in_time(request)
        return heard

    def close(self) -> None:
        """Hang up."""
        if self._kept is not None:
            self._kept[1].transport.abort()
            self._kept = None

    async def _ask_in_time(self, request: Request) -> Heard:
        heard = Heard()
        try:
            async with asyncio.timeout(DEADLINE):
                await self._ask(request, heard)
        except TimeoutError:
            heard.hung = True
            self.close()
        except (OSError, asyncio.IncompleteReadError):
            self.close()
        return heard

    async def _ask(self, request: Request, heard: Heard) -> None:
        data = request.data
        for stands, token in self._tokens.items():
            data = data.replace(stands, token)
        if request.due is Due.ANSWER and not request.stranger:
            await self._ask_and_stay(request, data, heard)
            return
        address = (STRANGER, 0) if request.stranger else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, local_addr=address, limit=HEAD_LONGEST
        )
        try:
            writer.write(data)
            head_only = data.startswith(b"HEAD ")
            if request.due is Due.ANYTHING:
                await self._listen(reader, writer, request.behind, heard)
            else:
                await _answer(reader, heard, body=request.due is Due.ANSWER and not head_only)
        finally:
            writer.transport.abort()

    async def _ask_and_stay(self, request: Request, data: bytes, heard: Heard) -> None:
        """Ask on the connection of the request before, where it is still open."""
        kept = self._kept
        if kept is None or kept[0].at_eof() or kept[1].is_closing():
            self.close()
            kept = self._kept = await asyncio.open_connection(
                "127.0.0.1", self._port, limit=HEAD_LONGEST
            )
        reader, writer = kept
        writer.write(data)
        stays = await _answer(reader, heard, body=not data.startswith(b"HEAD "))
        if not stays:
            self.close()

    async def _listen(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        behind: bytes,
        heard: Heard,
    ) -> None:
        """Read the first answer, if there is one; say what is to be said behind it, and read on to the end."""
        stays = await _answer(reader, heard, body=True)
        if heard.statuses == [101]:
            writer.write(behind)
            writer.write_eof()
            while await reader.read(HEAD_LONGEST):
                pass
            return
        # What is left of the bytes may be a request of its own, or want more of them to be one.
        while stays:
            writer.write(LAST)
            stays = await _answer(reader, heard, body=True)


async def _answer(reader: asyncio.StreamReader, heard: Heard, *, body: bool) -> bool:
    """Take in one answer; return whether another may follow on this connection."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        lines = head.split(b"\r\n")
        status = int(lines[0].split()[1])
        if status != 100:
            break
    heard.statuses.append(status)
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in lines[1:])
    }
    if status == 101:
        return False
    if body and status not in (204, 304):
        content = await _body(reader, headers)
        heard.body = heard.body or content
    return b"close" not in headers.get(b"connection", b"").lower()


async def _body(reader: asyncio.StreamReader, headers: Mapping[bytes, bytes]) -> bytes:
    if b"chunked" in headers.get(b"transfer-encoding", b""):
        pieces = []
        while length := int(await reader.readuntil(b"\r\n"), 16):
            pieces.append(await reader.readexactly(length + 2))
        await reader.readexactly(2)
        return b"".join(pieces)
    if (length_said := headers.get(b"content-length")) is not None:
        return await reader.readexactly(min(int(length_said), LONGEST))
    return await reader.read(LONGEST)
