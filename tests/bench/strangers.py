"""`python -m tests.bench.strangers PORT FIRST COUNT`: so many who connect to a manager and want nothing good.

Some say nothing at all, some shake hands and then say nothing, some send a head or a body a byte at a time. Whoever is
cut off comes back a minute later. Each line on stdin is answered with how many are connected now, and how often any
was cut off; ends with stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys
from collections.abc import Awaitable, Callable

from cube.security.tls import asking_context, small_buffers
from tests.bench.open_files import allow_many

OUTSIDE = "127.0.0.2"  # where the manager speaks TLS
AGAIN_SECONDS = 60.0
DRIP_SECONDS = 1.0
DIAL_SECONDS = 30.0
DIALS_AT_ONCE = 20  # of one process
PER_ADDRESS = 40  # connections: below what the manager lets one address have


class Crowd:
    """All of one process."""

    def __init__(self, port: int, first: int, count: int) -> None:
        self._port = port
        self._numbers = range(first, first + count)
        self._context = asking_context()
        self._dialling = asyncio.Semaphore(DIALS_AT_ONCE)
        self.connected = 0
        self.dialled = 0
        self.cut = 0

    async def run(self) -> None:
        """Bother the manager until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in self._numbers:
                group.create_task(self._bother(number), name=f"stranger {number}")

    async def _bother(self, number: int) -> None:
        kind = KINDS[number % len(KINDS)]
        place = number // PER_ADDRESS
        address = f"127.1.{place // 200}.{place % 200 + 1}"
        while True:
            with contextlib.suppress(
                OSError, TimeoutError, ssl.SSLError, asyncio.IncompleteReadError
            ):
                await self._once(kind, address)
            self.cut += 1
            await asyncio.sleep(AGAIN_SECONDS)

    async def _once(self, kind: Kind, address: str) -> None:
        tls = None if kind is _silent else self._context
        async with self._dialling, asyncio.timeout(DIAL_SECONDS):
            self.dialled += 1
            reader, writer = await asyncio.open_connection(
                OUTSIDE, self._port, ssl=tls, local_addr=(address, 0)
            )
        self.connected += 1
        try:
            await kind(reader, writer)
        finally:
            self.connected -= 1
            writer.transport.abort()


Kind = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Says nothing, not even the beginning of a handshake; and once there was one, nothing more."""
    while await reader.read(4096):
        pass


async def _idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _silent(reader, writer)


async def _slow_head(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _drip(writer, b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 1_000)


async def _slow_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = f"POST /join HTTP/1.1\r\nHost: {OUTSIDE}\r\nContent-Length: 1000\r\n\r\n"
    writer.write(head.encode())
    await _drip(writer, b" " * 999)


async def _drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    for byte in data:
        if writer.is_closing():
            return
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(DRIP_SECONDS)


KINDS: tuple[Kind, ...] = (_idle, _silent, _idle, _slow_head, _slow_body)


async def main(port: int, first: int, count: int) -> None:
    """Bother until stdin ends."""
    small_buffers()
    crowd = Crowd(port, first, count)
    bothering = asyncio.create_task(crowd.run(), name="crowd")
    loop = asyncio.get_running_loop()
    questions = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    while await questions.readline():
        told = {"connected": crowd.connected, "dialled": crowd.dialled, "cut": crowd.cut}
        print(json.dumps(told), flush=True)
    bothering.cancel()
    await asyncio.gather(bothering, return_exceptions=True)


if __name__ == "__main__":
    allow_many()
    asyncio.run(main(*map(int, sys.argv[1:4])))
