"""One command in a container, with its streams on a channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cube.aio.race import race
from cube.client.channel import Channel
from cube.runtime.contract import Inside
from cube.runtime.inside import ExecOptions, Process
from cube.wire.tunnels import (
    Began,
    ErrorOutput,
    Exec,
    Exited,
    FromUser,
    Input,
    InputEnd,
    Output,
    Resize,
    Signal,
)

CONTROLS_WAITING = 64  # resizes and signals; a user who sends more loses the oldest
KINDS: dict[str, Callable[[bytes], Output | ErrorOutput]] = {
    "stdout": Output,
    "stderr": ErrorOutput,
}


async def serve_exec(channel: Channel[FromUser], inside: Inside, wish: Exec) -> None:
    """Run the command until it has ended or the user has gone; then nothing of it runs any more."""
    async with inside.exec(_options(wish)) as process:
        await channel.send(Began())
        attended = _Attended(channel, process)
        await race(
            output=attended.tell_output(),
            input=attended.pass_input(),
            controls=attended.pass_controls(),
            user=channel.listen(attended.hear),
        )


class _Attended:
    """A command and the user it belongs to."""

    def __init__(self, channel: Channel[FromUser], process: Process) -> None:
        self._channel = channel
        self._process = process
        self._input: asyncio.Queue[bytes | None] = asyncio.Queue()  # bounded by the window
        self._controls: asyncio.Queue[Resize | Signal] = asyncio.Queue(CONTROLS_WAITING)

    def hear(self, frame: FromUser) -> None:
        """Put a frame where it is waited for. Data and controls apart: a full stdin holds up no signal."""
        match frame:
            case Input(data=data):
                self._input.put_nowait(data)
            case InputEnd():
                self._input.put_nowait(None)
            case Resize() | Signal():
                if self._controls.full():
                    self._controls.get_nowait()
                self._controls.put_nowait(frame)

    async def pass_input(self) -> None:
        """Feed the command for as long as it runs. The end of its stdin is not its end."""
        while True:
            data = await self._input.get()
            if data is None:
                await self._process.end_input()
            else:
                await self._process.write(data)
                await self._channel.took(len(data))

    async def pass_controls(self) -> None:
        """Pass on what is no data."""
        while True:
            match await self._controls.get():
                case Resize(rows=rows, columns=columns):
                    await self._process.resize(rows, columns)
                case Signal(number=number):
                    await self._process.signal(number)

    async def tell_output(self) -> None:
        """Tell what the command writes, and at the end its exit code."""
        while (written := await self._process.read()) is not None:
            stream, data = written
            await self._channel.send_data(KINDS[stream], data)
        await self._channel.send(Exited(await self._process.exit_code()))


def _options(wish: Exec) -> ExecOptions:
    return ExecOptions(
        command=wish.command,
        env=wish.env,
        user=wish.user,
        workdir=wish.workdir,
        tty=wish.tty,
        stdin=wish.stdin,
        rows=wish.rows,
        columns=wish.columns,
    )
