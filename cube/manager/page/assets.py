"""The files of the page, read once: what a browser is sent as it stands, each with a tag by which it knows it again."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files

import msgspec

from cube.wire.operation import PAGE_MEDIA

PLAIN = frozenset({"loading.js", "theme.js"})
"""Scripts that are no modules, and in the frame."""
PAGE = "page.html"
"""The frame that is filled in for each request. The only file that is not sent as it stands."""


class Asset(msgspec.Struct, frozen=True):
    """A file as it is sent."""

    body: bytes
    media: str
    tag: str


@lru_cache(1)
def assets() -> dict[str, Asset]:
    """Return every file by its name, without the frame."""
    return {name: asset for name, asset in _read().items() if name != PAGE}


@lru_cache(1)
def frame() -> str:
    """Return the frame: HTML in which comments of one word say what is put there."""
    return _read()[PAGE].body.decode()


@lru_cache(1)
def preload() -> str:
    """Return what has a browser ask for all modules at once, and not for each when it has read who imports it."""
    scripts = (
        name for name, asset in sorted(assets().items()) if asset.media.endswith("javascript")
    )
    return "\n".join(
        f'<link rel="modulepreload" href="/page/{name}">' for name in scripts if name not in PLAIN
    )


def _read() -> dict[str, Asset]:
    found = {}
    for file in (files("cube.manager.page") / "static").iterdir():
        suffix = file.name.rpartition(".")[2]
        if (media := PAGE_MEDIA.get(suffix)) is not None:
            body = file.read_bytes()
            tag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
            found[file.name] = Asset(body, media, tag)
    return found
