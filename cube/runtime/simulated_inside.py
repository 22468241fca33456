"""Commands and files of a simulated container: `cat` and `sleep` do what they are known for, all else is scripted."""

from __future__ import annotations

import asyncio
import io
import posixpath
import signal
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from cube.model.allocation import Failure, FailureKind
from cube.runtime.contract import RuntimeFailure
from cube.runtime.failures import Verb
from cube.runtime.inside import ExecOptions, PathSeen
from cube.runtime.simulated_container import SimulatedContainer
from cube.runtime.simulated_engine import SimulatedEngine

INPUT_WAITING = 16  # pieces that a command has not read yet, as a pipe holds some
KILLED = 128


class SimulatedProcess:
    """A command in a simulated container. Promises: see `Process`."""

    def __init__(self, engine: SimulatedEngine, container: SimulatedContainer) -> None:
        self._engine = engine
        self._container = container
        self._input: asyncio.Queue[bytes] = asyncio.Queue(INPUT_WAITING)  # empty: its end
        self._output: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue(INPUT_WAITING)
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._closed = False
        self.sizes: list[tuple[int, int]] = []

    async def read(self) -> tuple[str, bytes] | None:
        """What it wrote next."""
        return await self._output.get()

    async def write(self, data: bytes) -> None:
        """Give it this on stdin."""
        await self._input.put(data)

    async def end_input(self) -> None:
        """Tell it that its stdin has ended."""
        if not self._closed:
            self._closed = True
            await self._input.put(b"")

    async def resize(self, rows: int, columns: int) -> None:
        """Note the size of its terminal."""
        self.sizes.append((rows, columns))

    async def signal(self, number: int) -> None:
        """End it by the signal."""
        await self._exit(KILLED + number)

    async def exit_code(self) -> int:
        """Wait until it has ended."""
        return await asyncio.shield(self._code)

    async def run(self, command: tuple[str, ...]) -> None:
        """Be this command."""
        match command[0]:
            case "cat":
                while data := await self._input.get():
                    await self._output.put(("stdout", data))
                await self._exit(0)
            case "sleep":
                await self._engine.spend(float(command[1]))
                await self._exit(0)
            case _:
                await self._scripted()

    async def _scripted(self) -> None:
        behaviour = self._container.behaviour
        await self._engine.spend(behaviour.command_seconds)
        await self._output.put(("stdout", behaviour.command.output.encode()))
        await self._exit(behaviour.command.code)

    async def _exit(self, code: int) -> None:
        if not self._code.done():
            self._code.set_result(code)
            await self._output.put(None)


class SimulatedArchive:
    """One file as a tar. Promises: see `Archive`."""

    def __init__(self, info: PathSeen, content: bytes) -> None:
        self.info = info
        self._content = content

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Its bytes."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            entry = tarfile.TarInfo(self.info.name)
            entry.size = len(self._content)
            tar.addfile(entry, io.BytesIO(self._content))
        yield packed.getvalue()


class SimulatedInside:
    """One simulated container. Its files are a flat store of paths. Promises: see `Inside`."""

    def __init__(self, engine: SimulatedEngine, container: SimulatedContainer) -> None:
        self._engine = engine
        self._container = container

    @asynccontextmanager
    async def exec(self, options: ExecOptions) -> AsyncIterator[SimulatedProcess]:
        """Start a command; leaving the block ends it."""
        await self._engine.reached(Verb.EXEC, self._container.label.spec.image)
        if not self._container.alive:
            message = f"the container is not running, so {options.command[0]} cannot run in it"
            raise RuntimeFailure(Failure(FailureKind.ENGINE_ERROR, message))
        process = SimulatedProcess(self._engine, self._container)
        if not options.stdin:
            await process.end_input()
        if options.rows and options.columns:
            await process.resize(options.rows, options.columns)
        runner = asyncio.create_task(process.run(options.command), name="simulated command")
        self._engine.commands.append(options)
        try:
            yield process
        finally:
            self._engine.commands.remove(options)
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)
            if not process._code.done():
                process._code.set_result(KILLED + signal.SIGKILL)

    async def stat(self, path: str) -> PathSeen | None:
        """What is at the path."""
        await self._engine.reached(Verb.ARCHIVE, self._container.label.spec.image)
        files = self._engine.files.get(self._container.id, {})
        if path in files:
            return PathSeen(posixpath.basename(path), "file", len(files[path]))
        folder = path.rstrip("/") + "/"
        if path == "/" or any(name.startswith(folder) for name in files):
            return PathSeen(posixpath.basename(path.rstrip("/")) or "/", "folder")
        return None

    @asynccontextmanager
    async def read(self, path: str) -> AsyncIterator[SimulatedArchive | None]:
        """Open a file as a tar."""
        info = await self.stat(path)
        content = self._engine.files.get(self._container.id, {}).get(path, b"")
        yield SimulatedArchive(info, content) if info is not None else None

    async def write(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        """Take the files of a tar apart."""
        await self._engine.reached(Verb.ARCHIVE, self._container.label.spec.image)
        packed = b"".join([chunk async for chunk in chunks])
        files = self._engine.files.setdefault(self._container.id, {})
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            for entry in tar:
                if entry.isfile() and (content := tar.extractfile(entry)) is not None:
                    files[posixpath.join(path, entry.name)] = content.read()
