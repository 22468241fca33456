"""A command in a container, with the streams of whoever asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

from cube.aio.race import race
from cube.client.transport import Address
from cube.client.tunnel import Tunnel, open_tunnel
from cube.errors import CubeError
from cube.wire.tunnels import (
    Began,
    ErrorOutput,
    Exec,
    Input,
    InputEnd,
    Output,
    Reached,
    Resize,
    Signal,
    ToUser,
)

LEFT = 130
"""The code of a command that was left before it ended, as after Ctrl-C."""


class Streams(Protocol):
    """The user's side: where input comes from and output goes to."""

    def reached(self, reached: Reached) -> None:
        """Be told which container it is."""

    def write(self, data: bytes, *, error: bool) -> Awaitable[None]:
        """Begin to write, in the order of the calls; done when it is written. BrokenPipeError when nobody reads."""

    def input(self) -> AsyncIterator[bytes]:
        """What is typed or piped in, until its end."""

    def controls(self) -> AsyncIterator[Resize | Signal]:
        """New sizes of the terminal, and signals; its end is the wish to leave."""


async def run_exec(address: Address, ref: str, wish: Exec, streams: Streams) -> int:
    """Run the command and return its exit code, when all of its output is written.

    Cancelled, or when `controls` ends: the command is ended too.
    """
    async with open_tunnel(address, ref, wish) as tunnel:
        running = _Running(tunnel, streams, attached=wish.stdin)
        return await running.run()


class _Running:
    """One command from its start to its end."""

    def __init__(self, tunnel: Tunnel, streams: Streams, *, attached: bool) -> None:
        self._tunnel = tunnel
        self._streams = streams
        self._attached = attached
        self._began = asyncio.Event()
        self._output: asyncio.Queue[tuple[int, Awaitable[None]] | None] = asyncio.Queue()
        self._code = LEFT
        self._error: CubeError | None = None

    async def run(self) -> int:
        await race(
            listening=self._listen(),
            output=self._write_output(),
            input=self._pass_input(),
            controls=self._pass_controls(),
        )
        if self._error is not None:
            raise self._error
        return self._code

    async def _listen(self) -> None:
        try:
            self._code = await self._tunnel.listen(self._hear)
        except CubeError as error:
            self._error = error
        # What came before the end is written first.
        self._output.put_nowait(None)
        await asyncio.get_running_loop().create_future()

    def _hear(self, frame: ToUser) -> None:
        match frame:
            case Reached():
                self._streams.reached(frame)
            case Began():
                self._began.set()
            case Output(data=data):
                self._begin_writing(data, error=False)
            case ErrorOutput(data=data):
                self._begin_writing(data, error=True)

    def _begin_writing(self, data: bytes, *, error: bool) -> None:
        writing = self._streams.write(data, error=error)
        self._output.put_nowait((len(data), writing))

    async def _write_output(self) -> None:
        while (written := await self._output.get()) is not None:
            count, writing = written
            await writing
            await self._tunnel.channel.took(count)

    async def _pass_input(self) -> None:
        await self._began.wait()
        if self._attached:
            async for data in self._streams.input():
                await self._tunnel.channel.send_data(Input, data)
            await self._tunnel.channel.send(InputEnd())
        await asyncio.get_running_loop().create_future()

    async def _pass_controls(self) -> None:
        async for control in self._streams.controls():
            await self._tunnel.channel.send(control)
