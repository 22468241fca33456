"""Whether a client and an operation have a type in common: what it accepts, and what it sends (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus

from aiohttp import hdrs, web

from cube.manager.replies import HttpRefusal
from cube.wire.operation import Operation
from cube.wire.operations import aliased

KEPT = 256  # different Accept headers that are remembered: programs send the same one each time
_OTHER_FORMATS = ("yaml", "toml", "xml", "html", "multipart/")


class Offers:
    """What each operation can answer with."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._media = {(one.method, one.path): one.media for one in operations}

    def check(self, request: web.Request) -> None:
        """Raise 406 naming what there is when the client accepts none of it."""
        accept = request.headers.get(hdrs.ACCEPT)
        if accept is None or accept == "*/*":
            return
        resource = request.match_info.route.resource
        if resource is None:
            return
        media = self._media.get((_method(request), aliased(resource.canonical)))
        if media is not None and not accepts(accept, media):
            raise HttpRefusal(
                HTTPStatus.NOT_ACCEPTABLE,
                f"none of {accept[:100]!r} can be had here, only {', '.join(sorted(media))}",
                hint="leave out the Accept header",
            )


@lru_cache(KEPT)
def accepts(accept: str, media: frozenset[str]) -> bool:
    """Whether one of the types is in the ranges of an Accept header. What is not understood is taken for anything."""
    for item in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        if any(one.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for one in parameters):
            continue
        main, slash, sub = kind.partition("/")
        if not slash or main == "*":
            return True
        if kind in media or (sub == "*" and any(one.startswith(f"{main}/") for one in media)):
            return True
    return False


def check_content(request: web.Request) -> None:
    """Raise 415 for a body that says to be of a format that is not read.

    Anything else is read as JSON whatever it says: `curl -d` says that it sends a form.
    """
    given = request.headers.get(hdrs.CONTENT_TYPE, "").lower()
    if any(word in given for word in _OTHER_FORMATS):
        raise HttpRefusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"{given[:60]!r} is not read here, only JSON",
            hint="`cube run FILE` reads YAML and TOML, and sends them as JSON",
        )


def _method(request: web.Request) -> str:
    return "GET" if request.method == "HEAD" else request.method
