"""Files of a container: looking, taking out and putting in, for callers that read and write as tar programs do."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from cube.aio.race import race
from cube.client.channel import Channel
from cube.client.transport import Address
from cube.client.tunnel import open_tunnel
from cube.errors import CubeError, ManagerAway
from cube.wire.tunnels import (
    Began,
    Input,
    InputEnd,
    Output,
    PathInfo,
    ReadArchive,
    Stat,
    ToUser,
    WriteArchive,
)
from cube.wire.window import COPY_WINDOW

T = TypeVar("T")

BLOCK = 64 * 1024
HANDED_OVER = COPY_WINDOW // 8
"""Bytes that go from one thread to the other at once, and are told back at once: waking a thread costs more than a
frame, milliseconds on a busy machine."""


def stat_path(address: Address, ref: str, path: str) -> PathInfo | None:
    """Return what is at the path; None where there is nothing."""
    return asyncio.run(_stat(address, ref, path))


def read_archive(
    address: Address, ref: str, path: str, consume: Callable[[PathInfo, Source], T]
) -> T:
    """Have what is at the path read as a tar, in a thread; return what `consume` does.

    CubeError when the tar did not come whole, whatever `consume` made of it.
    """
    return asyncio.run(_read(address, ref, path, consume))


def write_archive(address: Address, ref: str, path: str, produce: Callable[[Sink], None]) -> None:
    """Have a tar written, in a thread, and taken apart in a folder of the container. CubeError when it was not."""
    asyncio.run(_write(address, ref, path, produce))


class Source:
    """A tar that comes, to be read by one thread. Reads raise CubeError when it breaks off."""

    def __init__(self, loop: asyncio.AbstractEventLoop, channel: Channel[ToUser]) -> None:
        self._loop = loop
        self._channel = channel
        self._pieces: queue.SimpleQueue[bytes | CubeError] = queue.SimpleQueue()  # by the window
        self._piece = b""
        self._read = 0  # of the piece
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._end: CubeError | bool | None = False

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, empty at the end."""
        if self._read >= len(self._piece) and self._end is False:
            piece = self._pieces.get()
            if isinstance(piece, CubeError):
                self._end = piece
            elif not piece:
                self._end = None
            else:
                self._piece, self._read = piece, 0
                taken = self._channel.took(len(piece))
                asyncio.run_coroutine_threadsafe(taken, self._loop)
        if isinstance(self._end, CubeError):
            raise self._end
        data = self._piece[self._read : self._read + count]
        self._read += len(data)
        return data

    def put(self, data: bytes) -> None:
        """Have the thread read this next; it may wait for more, or for the end."""
        self._gathered.append(data)
        self._gathered_bytes += len(data)
        if self._gathered_bytes >= HANDED_OVER:
            self._hand_over()

    def end(self, error: CubeError | None = None) -> None:
        """Have the thread find the end behind what was put, or this error."""
        self._hand_over()
        self._pieces.put(error or b"")

    def _hand_over(self) -> None:
        if self._gathered:
            self._pieces.put(b"".join(self._gathered))
        self._gathered, self._gathered_bytes = [], 0


class Sink:
    """Where a tar goes, written by one thread. Waits while the container takes nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop, channel: Channel[ToUser]) -> None:
        self._loop = loop
        self._channel = channel

    def write(self, data: bytes) -> int:
        """Send; raises when the copy has ended."""
        sending = self._channel.send_data(Input, bytes(data))
        asyncio.run_coroutine_threadsafe(sending, self._loop).result()
        return len(data)


async def _stat(address: Address, ref: str, path: str) -> PathInfo | None:
    found: list[PathInfo | None] = []

    def hear(frame: ToUser) -> None:
        if isinstance(frame, Began):
            found.append(frame.info)

    async with open_tunnel(address, ref, Stat(path=path)) as tunnel:
        await tunnel.listen(hear)
    return found[0] if found else None


async def _read(
    address: Address, ref: str, path: str, consume: Callable[[PathInfo, Source], T]
) -> T:
    async with open_tunnel(address, ref, ReadArchive(path=path)) as tunnel:
        source = Source(asyncio.get_running_loop(), tunnel.channel)
        began: asyncio.Future[PathInfo] = asyncio.get_running_loop().create_future()

        def hear(frame: ToUser) -> None:
            match frame:
                case Began(info=info) if info is not None and not began.done():
                    began.set_result(info)
                case Output(data=data):
                    source.put(data)

        async def listen() -> None:
            try:
                await tunnel.listen(hear)
                source.end()
            except CubeError as error:
                source.end(error)
                if not began.done():
                    began.set_exception(error)
            await asyncio.get_running_loop().create_future()

        results: list[T] = []

        async def use() -> None:
            info = await began
            results.append(await _in_thread(lambda: consume(info, source)))

        try:
            await race(listening=listen(), using=use())
        finally:
            source.end(ManagerAway("the copy was interrupted"))  # lets the thread end
        return results[0]


async def _write(address: Address, ref: str, path: str, produce: Callable[[Sink], None]) -> None:
    async with open_tunnel(address, ref, WriteArchive(path=path)) as tunnel:
        began = asyncio.Event()
        sink = Sink(asyncio.get_running_loop(), tunnel.channel)

        def hear(frame: ToUser) -> None:
            if isinstance(frame, Began):
                began.set()

        async def write() -> None:
            await began.wait()
            await _in_thread(lambda: produce(sink))
            await tunnel.channel.send(InputEnd())
            await asyncio.get_running_loop().create_future()

        await race(listening=tunnel.listen(hear), writing=write())


async def _in_thread(work: Callable[[], T]) -> T:
    """Return what the work does in a thread of its own. One that waits for a stdin without end keeps nobody."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: list[T], problem: BaseException | None) -> None:
        if done.done():
            return
        if problem is None:
            done.set_result(result[0])
        else:
            done.set_exception(problem)

    def run() -> None:
        result: list[T] = []
        problem: BaseException | None = None
        try:
            result.append(work())
        except BaseException as error:
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop has ended before
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, name="archive", daemon=True).start()
    return await done
