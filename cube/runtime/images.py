"""Fetching an image through the engine, with progress over all its layers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from pathlib import Path
from urllib.parse import quote

import msgspec

from cube.model.account import Account
from cube.model.allocation import Failure, FailureKind
from cube.runtime.contract import PullProgress, RuntimeFailure
from cube.runtime.credentials import credentials_for, credentials_of
from cube.runtime.engine import Engine
from cube.runtime.failures import Asked, Refused, Verb
from cube.runtime.pulls import Listener
from cube.runtime.streams import BrokenStream, Lines

SILENCE_SECONDS = 60.0  # a pull that tells nothing for so long is stuck
INSPECT_SECONDS = 30.0


class _Detail(msgspec.Struct, frozen=True):
    current: int = 0
    total: int = 0


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


class PullMessage(msgspec.Struct, frozen=True):
    """One line of the engine's answer to a pull. `id` is a layer, or the tag in the first line."""

    status: str = ""
    id: str = ""
    detail: _Detail | None = msgspec.field(default=None, name="progressDetail")
    error: str = ""
    error_detail: _Error | None = msgspec.field(default=None, name="errorDetail")


class ListedImage(msgspec.Struct, frozen=True, rename="pascal"):
    """One image in the engine's list. What has no name is a layer of others, or was left behind by a newer one."""

    created: int = 0
    repo_tags: tuple[str, ...] | None = None
    repo_digests: tuple[str, ...] | None = None


def names_of(images: Iterable[ListedImage]) -> list[str]:
    """Return all names of the images, the newest made first."""
    newest = sorted(images, key=lambda image: -image.created)
    names = [name for one in newest for name in (*(one.repo_tags or ()), *(one.repo_digests or ()))]
    return [name for name in names if not name.startswith("<none>")]


class LayerProgress:
    """Adds up the layers of one image. Neither sum ever shrinks while the pull goes on."""

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}
        self._done: dict[str, int] = {}

    def see(self, message: PullMessage) -> PullProgress:
        """Take in one message and return how far the pull has come."""
        layer, detail = message.id, message.detail
        if message.status == "Downloading" and detail is not None and detail.total > 0:
            self._totals[layer] = detail.total
            self._done[layer] = max(self._done.get(layer, 0), detail.current)
        elif message.status in ("Verifying Checksum", "Download complete"):
            self._done[layer] = self._totals.get(layer, 0)
        return PullProgress(
            done_bytes=sum(self._done.values()),
            total_bytes=sum(self._totals.values()),
            status=message.status.lower(),
        )


def full_reference(image: str) -> str:
    """Return the image name with its tag: without one the engine would pull every tag there is."""
    name = image.rpartition("/")[2]
    return image if ":" in name or "@" in name else f"{image}:latest"


async def fetch_image(
    engine: Engine,
    docker_config: Path,
    reference: str,
    tell: Listener,
    account: Account | None = None,
) -> None:
    """Have the engine pull the image, telling of each step. On return the image is there.

    `reference` carries a tag or a digest. Without an account docker's own configuration is asked for one. ENGINE_SLOW
    after 60 s without news.
    """
    asked = Asked(Verb.PULL, reference)
    found = credentials_of(account) if account else await credentials_for(reference, docker_config)
    headers = {"X-Registry-Auth": found.header()} if found else {}
    layers = LayerProgress()
    async with aclosing(_messages(engine, asked, headers)) as messages:
        async for message in messages:
            if message.error or message.error_detail:
                detail = message.error_detail or _Error()
                raise Refused(asked, 0, detail.message or message.error)
            tell(layers.see(message))
    await _must_be_there(engine, reference)


async def _messages(
    engine: Engine, asked: Asked, headers: dict[str, str]
) -> AsyncGenerator[PullMessage, None]:
    params = {"fromImage": asked.subject}
    lines = Lines()
    # The engine sends nothing, not even headers, before the registry has answered it.
    async with engine.open(
        asked, "POST", "images/create", SILENCE_SECONDS, params=params, headers=headers
    ) as stream:
        while data := await stream.read(SILENCE_SECONDS):
            try:
                for line in lines.feed(data):
                    yield msgspec.json.decode(line, type=PullMessage)
            except (msgspec.DecodeError, BrokenStream) as error:
                message = f"the engine's answer to a pull is not readable: {error}"
                raise RuntimeFailure(Failure(FailureKind.ENGINE_ERROR, message)) from error


async def _must_be_there(engine: Engine, reference: str) -> None:
    # An engine that is shut down ends the answer to a pull like one that is done with it.
    path = f"images/{quote(reference, safe='/:@')}/json"
    try:
        await engine.ask(Asked(Verb.INSPECT, reference), "GET", path, INSPECT_SECONDS)
    except Refused as refused:
        if refused.status != 404:
            raise
        message = f"the pull of {reference} ended before it was complete"
        raise RuntimeFailure(Failure(FailureKind.ENGINE_AWAY, message)) from refused
