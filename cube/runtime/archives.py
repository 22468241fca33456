"""Files of a container as archives, by the Docker engine's archive calls."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from cube.runtime.engine import Engine, Stream, container_path
from cube.runtime.failures import Asked, Refused, Verb
from cube.runtime.inside import PathSeen

ASK_SECONDS = 30.0
STALLED_SECONDS = 60.0  # a disk that gives nothing for so long
AS_IT_IS = {"Accept-Encoding": "identity"}
"""Else the engine packs the archive with gzip, on one core and at a tenth of the speed."""
STAT_HEADER = "X-Docker-Container-Path-Stat"

# Go's os.FileMode, in which the engine tells what a path is: not the bits of Unix.
_GO_FOLDER = 1 << 31
_GO_LINK = 1 << 27
_GO_OTHER = (
    1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19
)  # device, pipe, socket, character, other


class _Stat(msgspec.Struct, frozen=True, rename={"link_target": "linkTarget"}):
    name: str = ""
    mode: int = 0
    size: int = 0
    link_target: str = ""


class DockerArchive:
    """A tar that the engine is sending. Promises: see `Archive`."""

    def __init__(self, info: PathSeen, stream: Stream) -> None:
        self.info = info
        self._stream = stream

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Its bytes in order."""
        while data := await self._stream.read(STALLED_SECONDS):
            yield data


@asynccontextmanager
async def read_archive(
    engine: Engine, container_id: str, path: str
) -> AsyncIterator[DockerArchive | None]:
    """Open what is at the path as a tar; None where there is nothing. Leaving the block frees the connection."""
    asked = Asked(Verb.ARCHIVE, container_id)
    where = container_path(container_id, "archive")
    try:
        opened = engine.open(
            asked, "GET", where, ASK_SECONDS, params={"path": path}, headers=AS_IT_IS
        )
        stream = await opened.__aenter__()
    except Refused as refused:
        if refused.status != 404:
            raise
        yield None
        return
    try:
        yield DockerArchive(_seen(stream), stream)
    finally:
        await opened.__aexit__(None, None, None)


async def write_archive(
    engine: Engine, container_id: str, path: str, chunks: AsyncIterator[bytes]
) -> None:
    """Take a tar apart in a folder of the container. A folder is not replaced by a file, nor a file by a folder."""
    asked = Asked(Verb.ARCHIVE, container_id)
    where = container_path(container_id, "archive")
    params = {"path": path, "noOverwriteDirNonDir": "1"}
    await engine.send(asked, "PUT", where, chunks, params=params)


def _seen(stream: Stream) -> PathSeen:
    raw = base64.b64decode(stream.header(STAT_HEADER) or "e30=")
    found = msgspec.json.decode(raw, type=_Stat)
    return PathSeen(found.name, _kind(found.mode), found.size, found.link_target)


def _kind(mode: int) -> str:
    if mode & _GO_FOLDER:
        return "folder"
    if mode & _GO_LINK:
        return "link"
    return "other" if mode & _GO_OTHER else "file"
