"""A registry with one small image, that misbehaves as a test tells it to."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from uuid import uuid4

from aiohttp import web

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
PIECES = 8


class Layer(StrEnum):
    """How the image's one layer comes."""

    WHOLE = "whole"
    SLOW = "piece by piece"
    STALLS = "half of it, and then nothing"
    CUT = "half of it, and then the end"
    WRONG = "other bytes than the digest says"


class FakeRegistry:
    """`refusal`: the status and headers that the question for the manifest is answered with instead."""

    def __init__(self) -> None:
        # Random: a layer that the engine has already would not be fetched.
        self._layer = gzip.compress(_a_file_system(os.urandom(64_000)), mtime=0)
        self._config = json.dumps(_config(self._layer)).encode()
        self.layer = Layer.WHOLE
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.piece_seconds = 0.05
        self.asked: list[str] = []
        self.serving = 0  # answers under way
        self.name = f"trouble-{uuid4().hex[:12]}"
        self.address = ""

    @property
    def image(self) -> str:
        """What to pull."""
        return f"{self.address}/{self.name}:1"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any question an engine asks for a pull."""
        self.asked.append(f"{request.method} {request.path}")
        self.serving += 1
        try:
            if request.path == "/v2/":
                return web.json_response({})
            if "/manifests/" in request.path:
                return self._manifest()
            if request.path.endswith(_digest(self._config)):
                return web.Response(body=self._config)
            return await self._send_layer(request)
        finally:
            self.serving -= 1

    def _manifest(self) -> web.Response:
        if self.refusal is not None:
            status, headers = self.refusal
            words = {401: "UNAUTHORIZED", 404: "MANIFEST_UNKNOWN", 429: "TOOMANYREQUESTS"}
            error = {"code": words.get(status, "UNKNOWN"), "message": "refused by the test"}
            return web.json_response({"errors": [error]}, status=status, headers=headers)
        body = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": len(self._config),
                "digest": _digest(self._config),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    "size": len(self._layer),
                    "digest": _digest(self._layer),
                }
            ],
        }
        raw = json.dumps(body).encode()
        headers = {"Content-Type": MANIFEST, "Docker-Content-Digest": _digest(raw)}
        return web.Response(body=raw, headers=headers)

    async def _send_layer(self, request: web.Request) -> web.StreamResponse:
        if self.layer is Layer.WHOLE:
            return web.Response(body=self._layer)
        if self.layer is Layer.WRONG:
            return web.Response(body=bytes(len(self._layer)))
        answer = web.StreamResponse()
        if self.layer is not Layer.CUT:  # without a length the end says that it is whole
            answer.content_length = len(self._layer)
        await answer.prepare(request)
        size = -(-len(self._layer) // PIECES)
        pieces = [self._layer[at : at + size] for at in range(0, len(self._layer), size)]
        if self.layer is not Layer.SLOW:
            pieces = pieces[: PIECES // 2]
        while pieces:
            await answer.write(pieces.pop(0))
            if self.layer is Layer.SLOW and pieces:
                await asyncio.sleep(self.piece_seconds)
        if self.layer is Layer.STALLS:
            await asyncio.Event().wait()
        return answer


@asynccontextmanager
async def fake_registry() -> AsyncIterator[FakeRegistry]:
    """Run one on a free port of this machine, where engines ask for no TLS."""
    registry = FakeRegistry()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", registry.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    registry.address = "{}:{}".format(*runner.addresses[0])
    try:
        yield registry
    finally:
        await runner.cleanup()


def _a_file_system(content: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("content")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def _config(layer: bytes) -> dict[str, object]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [_digest(gzip.decompress(layer))]},
    }


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
