"""Talking to one Docker engine: questions with an answer, and streams. aiodocker is used as transport only.

Its own streams leak their connections, its events do not reconnect, it has no time limits and takes whatever API
version the engine offers. So: two clients (short questions share a bounded pool, whatever may last has no pool to
exhaust), a time limit on every step, streams closed by us, and the API version cube was tested with.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import aiodocker
import aiohttp
import msgspec

from cube.model.allocation import Failure, FailureKind
from cube.runtime.contract import RuntimeFailure
from cube.runtime.failures import Asked
from cube.runtime.guard import CANNOT_CONNECT, guarded
from cube.runtime.hijack import Hijacked, hijack

DEFAULT_URL = "unix:///var/run/docker.sock"
API_VERSION = (
    1,
    41,
)  # what the tests run against; spoken to every engine that still understands it
SHORT_QUESTIONS = 32  # at once; more only queue up inside the engine

Answer = TypeVar("Answer")

Observe = Callable[[str, float, FailureKind | None], None]
"""Who is told of each question: what was asked, how long the answer took (seconds), and what was wrong with it."""


class EngineVersion(msgspec.Struct, frozen=True, rename="pascal"):
    """The range of API versions an engine speaks."""

    api_version: str = "1.41"
    min_api_version: str = msgspec.field(default="1.12", name="MinAPIVersion")


def chosen_version(offered: EngineVersion) -> str:
    """Return the API version to speak: the tested one, moved only as far as the engine forces it."""
    lowest, highest = _numbers(offered.min_api_version), _numbers(offered.api_version)
    major, minor = max(lowest, min(API_VERSION, highest))
    return f"v{major}.{minor}"


def _numbers(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def container_path(container_id: str, action: str) -> str:
    """Return the engine's path for an action on a container, whatever characters the id has."""
    return f"containers/{quote(container_id, safe='')}/{action}".rstrip("/")


class Stream:
    """The body of an answer that comes piece by piece."""

    def __init__(self, asked: Asked, url: str, response: aiohttp.ClientResponse) -> None:
        self._asked = asked
        self._url = url
        self._response = response

    async def read(self, seconds: float | None) -> bytes:
        """Return the next piece, empty at the end. None waits without end: silence is normal there."""
        async with guarded(self._asked, self._url, seconds):
            return await self._response.content.readany()

    def header(self, name: str) -> str:
        """Return a header of the answer, empty when it has none of that name."""
        return self._response.headers.get(name, "")


class Engine:
    """One Docker engine, reached by `url`: unix://, tcp://, http:// or https://.

    Raises only RuntimeFailure; an error the engine answered with is a `Refused`. Connects when first asked.
    """

    def __init__(self, url: str = "", observe: Observe | None = None) -> None:
        self._observe = observe
        self.url = url or os.environ.get("DOCKER_HOST", "") or DEFAULT_URL
        self._version = ""
        self._negotiating = asyncio.Lock()
        self._clients: tuple[aiodocker.Docker, aiodocker.Docker] | None = None

    async def ask(
        self,
        asked: Asked,
        method: str,
        path: str,
        seconds: float,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        lasting: bool = False,
    ) -> bytes:
        """Return the engine's whole answer. `lasting` keeps a slow question out of the pool of the short ones."""
        async with self._measured(asked, seconds):
            response = await self._send(method, path, params, body, {}, lasting)
            try:
                return await response.read()
            finally:
                response.close()  # nothing to close when all was read; else the connection goes

    async def ask_for(
        self,
        answer: type[Answer],
        asked: Asked,
        path: str,
        seconds: float,
        *,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the engine's answer to a GET as a struct."""
        raw = await self.ask(asked, "GET", path, seconds, params=params)
        async with guarded(asked, self.url, None):
            return msgspec.json.decode(raw, type=answer)

    @asynccontextmanager
    async def open(
        self,
        asked: Asked,
        method: str,
        path: str,
        seconds: float,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Stream]:
        """Open a stream within `seconds`; leaving the block frees its connection."""
        async with self._measured(asked, seconds):
            response = await self._send(method, path, params, body, headers or {}, True)
        try:
            yield Stream(asked, self.url, response)
        finally:
            response.close()

    @asynccontextmanager
    async def _measured(self, asked: Asked, seconds: float) -> AsyncIterator[None]:
        """Guard the exchange, and tell how it went. One that is cancelled says nothing of the engine."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with guarded(asked, self.url, seconds):
                yield
        except RuntimeFailure as failure:
            self._tell(asked, loop.time() - began, failure.kind)
            raise
        self._tell(asked, loop.time() - began, None)

    def _tell(self, asked: Asked, seconds: float, failed: FailureKind | None) -> None:
        if self._observe is not None:
            self._observe(asked.verb.value, seconds, failed)

    async def send(
        self,
        asked: Asked,
        method: str,
        path: str,
        chunks: AsyncIterator[bytes],
        *,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Send a body that comes piece by piece, for as long as that takes."""
        async with guarded(asked, self.url, None):
            headers = {"Content-Type": "application/x-tar"}
            response = await self._send(method, path, params, chunks, headers, True)
            response.close()

    async def hijack(self, asked: Asked, path: str, body: object, seconds: float) -> Hijacked:
        """Have a connection upgraded to carry bytes both ways; close it when it is done with."""
        async with guarded(asked, self.url, seconds):
            short, _ = self._connected()
            version = self._version or await self._negotiated(short)
            tls = _client_certificate() if not self.url.startswith("unix://") else None
            return await hijack(asked, self.url, tls, f"{version}/{path}", body)

    def guarded(self, asked: Asked) -> AbstractAsyncContextManager[None]:
        """Let out only RuntimeFailure of what is done with a connection."""
        return guarded(asked, self.url, None)

    async def close(self) -> None:
        """Close all connections. Repeats safely."""
        clients, self._clients = self._clients, None
        for client in clients or ():
            await client.close()
            await client.connector.close()  # aiodocker leaves it, because we made it

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: object,
        headers: Mapping[str, str],
        lasting: bool,
    ) -> aiohttp.ClientResponse:
        short, long = self._connected()
        version = self._version or await self._negotiated(short)
        client = long if lasting else short
        client.api_version = version
        if body is None or isinstance(body, AsyncIterator):
            data: object = body
        else:
            data = msgspec.json.encode(body)
        try:
            return await client._do_query(path, method, params=params, data=data, headers=headers)
        except aiodocker.DockerError as error:
            if error.status == CANNOT_CONNECT:
                self._version = ""  # what answers next may be another engine
            raise
        except (KeyError, TypeError) as error:
            # aiodocker takes for granted what the body of an error looks like.
            raise ValueError("an error without a message") from error

    async def _negotiated(self, client: aiodocker.Docker) -> str:
        async with self._negotiating:
            if not self._version:
                response = await client._do_query("version", "GET", versioned_api=False)
                try:
                    offered = msgspec.json.decode(await response.read(), type=EngineVersion)
                finally:
                    response.close()
                self._version = chosen_version(offered)
            return self._version

    def _connected(self) -> tuple[aiodocker.Docker, aiodocker.Docker]:
        # Made late: aiohttp wants a running loop, and a closed runtime may be asked again.
        if self._clients is None:
            self._clients = _client(self.url, SHORT_QUESTIONS), _client(self.url, 0)
        return self._clients


def _client(url: str, limit: int) -> aiodocker.Docker:
    placeholder = f"v{API_VERSION[0]}.{API_VERSION[1]}"  # keeps aiodocker from negotiating
    connector: aiohttp.BaseConnector
    if url.startswith("unix://"):
        connector = aiohttp.UnixConnector(url.removeprefix("unix://"), limit=limit)
        url = "unix://localhost"  # with the real path every call is refused as an invalid URL
    else:
        context = _client_certificate()
        connector = aiohttp.TCPConnector(limit=limit, ssl=context or True)
        if context is not None:
            url = "https://" + url.partition("://")[2]
    return aiodocker.Docker(url=url, connector=connector, api_version=placeholder)


def _client_certificate() -> ssl.SSLContext | None:
    """Return TLS as docker's own variables ask for it, or None."""
    if not os.environ.get("DOCKER_TLS_VERIFY"):
        return None
    folder = Path(os.environ.get("DOCKER_CERT_PATH", "") or Path.home() / ".docker")
    try:
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        context.load_cert_chain(str(folder / "cert.pem"), str(folder / "key.pem"))
    except OSError as error:
        message = f"the engine's client certificate in {folder} cannot be read: {error.strerror}"
        raise RuntimeFailure(Failure(FailureKind.ENGINE_AWAY, message)) from error
    return context


def filters(**wanted: list[str]) -> dict[str, Any]:
    """Return the query parameter by which the engine filters a list or a stream on its own side."""
    return {"filters": msgspec.json.encode(wanted).decode()}
