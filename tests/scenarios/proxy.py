"""A proxy in front of an engine's socket that loses what a test tells it to lose."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from pathlib import Path

from cube.aio.supervise import Supervisor

ENGINE = "/var/run/docker.sock"


class Loss(Enum):
    """What becomes of an answer."""

    CLOSED = "the connection is closed instead"
    SILENT = "it never comes"
    HEAD_ONLY = "only its head comes, and of its body nothing"


class Proxy:
    """Passes on what is asked and what is answered, but for the answers it was told to lose."""

    def __init__(self) -> None:
        self.lost: list[str] = []  # the requests that were passed on and whose answers were not
        self._rules: list[tuple[re.Pattern[bytes], Loss, int]] = []

    def lose(self, request: str, loss: Loss, *, times: int = 1) -> None:
        """Lose the answers to the next so many requests whose first line matches."""
        self._rules.append((re.compile(request.encode()), loss, times))

    def _loss_of(self, data: bytes) -> Loss | None:
        line = data.partition(b"\r\n")[0]
        for index, (pattern, loss, times) in enumerate(self._rules):
            if pattern.search(line):
                self.lost.append(line.decode())
                self._rules[index : index + 1] = [(pattern, loss, times - 1)] if times > 1 else []
                return loss
        return None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the worker's."""
        engine_reader, engine_writer = await asyncio.open_unix_connection(ENGINE)
        loss: list[Loss] = []

        async def asked() -> None:
            while data := await reader.read(1 << 16):
                if found := self._loss_of(data):
                    loss.append(found)
                engine_writer.write(data)
                await engine_writer.drain()
            engine_writer.close()

        async def answered() -> None:
            passed = 0
            while data := await engine_reader.read(1 << 16):
                if not loss or (loss[0] is Loss.HEAD_ONLY and not passed):
                    writer.write(data)
                    await writer.drain()
                    passed += bool(loss)
                elif loss[0] is Loss.CLOSED:
                    break
            writer.close()

        async with Supervisor() as supervisor:
            both = [supervisor.spawn(one(), "a direction") for one in (asked, answered)]
            with suppress(OSError):
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        writer.close()
        engine_writer.close()


@asynccontextmanager
async def engine_behind_proxy(socket: Path) -> AsyncIterator[Proxy]:
    """Let a proxy listen on this socket."""
    proxy = Proxy()
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await proxy.serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the end of the test; the server of Python 3.11 would log it as an error of its own
        finally:
            serving.discard(task)

    server = await asyncio.start_unix_server(serve, str(socket))
    try:
        yield proxy
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
