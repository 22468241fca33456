"""Files into and out of a container, as archives on a channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from cube.aio.race import race
from cube.client.channel import Channel
from cube.errors import NotFound, PeerFault
from cube.runtime.contract import Inside
from cube.runtime.inside import PathSeen
from cube.wire.tunnels import Began, Exited, Failed, FromUser, Input, InputEnd, Output, PathInfo


async def tell_path(channel: Channel[FromUser], inside: Inside, path: str) -> None:
    """Say what is at the path."""
    seen = await inside.stat(path)
    await channel.send(Began(_info(seen) if seen is not None else None))
    await channel.send(Exited(0))


async def send_archive(channel: Channel[FromUser], inside: Inside, path: str) -> None:
    """Send what is at the path as a tar, as fast as the user takes it."""
    async with inside.read(path) as archive:
        if archive is None:
            await channel.send(
                Failed(NotFound.code, f"there is nothing at {path} in the container")
            )
            return
        await channel.send(Began(_info(archive.info)))

        async def send() -> None:
            async with aclosing(archive.chunks()) as chunks:
                async for chunk in chunks:
                    await channel.send_data(Output, chunk)
            await channel.send(Exited(0))

        await race(sending=send(), user=channel.listen(_hear_nothing))


async def receive_archive(channel: Channel[FromUser], inside: Inside, path: str) -> None:
    """Take the user's tar apart in a folder of the container."""
    seen = await inside.stat(path)
    if seen is None or seen.kind not in ("folder", "link"):
        what = "nothing" if seen is None else "no folder"
        await channel.send(Failed(NotFound.code, f"there is {what} at {path} in the container"))
        return
    await channel.send(Began(_info(seen)))
    arriving = _Arriving(channel)

    async def write() -> None:
        await inside.write(path, arriving.chunks())
        await channel.send(Exited(0))

    await race(writing=write(), user=arriving.listen())


class _Arriving:
    """A tar that comes through a channel."""

    def __init__(self, channel: Channel[FromUser]) -> None:
        self._channel = channel
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()  # bounded by the window

    async def listen(self) -> None:
        await self._channel.listen(self._hear)

    async def chunks(self) -> AsyncIterator[bytes]:
        while (data := await self._queue.get()) is not None:
            yield data
            await self._channel.took(len(data))

    def _hear(self, frame: FromUser) -> None:
        match frame:
            case Input(data=data):
                self._queue.put_nowait(data)
            case InputEnd():
                self._queue.put_nowait(None)
            case _:
                _hear_nothing(frame)


def _hear_nothing(frame: FromUser) -> None:
    raise PeerFault(f"a copy has no use for {type(frame).__name__}")


def _info(seen: PathSeen) -> PathInfo:
    return PathInfo(seen.name, seen.kind, seen.size, seen.link)
