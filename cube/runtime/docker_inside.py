"""What can be done inside one container of the Docker engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from cube.runtime.archives import DockerArchive, read_archive, write_archive
from cube.runtime.engine import Engine
from cube.runtime.execs import DockerProcess, run_exec
from cube.runtime.inside import ExecOptions, PathSeen


class DockerInside:
    """One container that is known to be this worker's. Promises: see `Inside`."""

    def __init__(self, engine: Engine, container_id: str) -> None:
        self._engine = engine
        self._container_id = container_id

    def exec(self, options: ExecOptions) -> AbstractAsyncContextManager[DockerProcess]:
        """Start a command; leaving the block ends it."""
        return run_exec(self._engine, self._container_id, options)

    async def stat(self, path: str) -> PathSeen | None:
        """What is at the path. Asked by beginning to read: the engine answers a HEAD for nothing without a word."""
        async with self.read(path) as archive:
            return archive.info if archive is not None else None

    def read(self, path: str) -> AbstractAsyncContextManager[DockerArchive | None]:
        """Open what is at the path as a tar."""
        return read_archive(self._engine, self._container_id, path)

    async def write(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        """Take a tar apart in a folder."""
        await write_archive(self._engine, self._container_id, path, chunks)
