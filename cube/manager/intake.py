"""Reading a request: its body within bounds, its path and query as what they may be."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from http import HTTPStatus
from typing import TypeVar

from aiohttp import hdrs, web

from cube.errors import InvalidInput, Objection, TooLarge
from cube.manager.lookup import checked_reference
from cube.manager.negotiation import check_content
from cube.manager.replies import HttpRefusal

MAX_INTEGER = 2**63 - 1

Choice = TypeVar("Choice", bound=StrEnum)


async def read_body(request: web.Request, *, limit: int, seconds: float) -> bytes:
    """Return the whole body. TooLarge beyond `limit`, by its announced length when there is one."""
    announced = request.content_length
    if announced is not None and announced > limit:
        raise too_large(limit)
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise HttpRefusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "compressed bodies are not read",
            hint="send it without Content-Encoding",
        )
    check_content(request)
    if request.content.is_eof():  # all of it is here: the usual case, and it saves a timer
        body = request.content.read_nowait(-1)
    else:
        body = await _read_in_time(request, limit, seconds)
    if len(body) > limit:
        raise too_large(limit)
    return body


async def _read_in_time(request: web.Request, limit: int, seconds: float) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise too_large(limit)
    except TimeoutError:
        raise HttpRefusal(
            HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {seconds:g} s"
        ) from None
    return bytes(body)


def too_large(limit: int) -> TooLarge:
    """Return the error for a body beyond the limit."""
    return TooLarge(f"the body is longer than {limit} bytes")


def reference(request: web.Request) -> str:
    """Return the name or id in the path."""
    return checked_reference(request.match_info["ref"])


class Query:
    """The query of a URL. Reading a parameter takes it; `end` objects to what nobody took."""

    def __init__(self, request: web.Request) -> None:
        self._given = request.query
        self._taken: set[str] = set()

    def text(self, name: str) -> str | None:
        """Return the parameter; None when it is missing or empty. InvalidInput when it is given twice."""
        self._taken.add(name)
        values = self._given.getall(name, [])
        if len(values) > 1:
            raise _wrong(name, "is given more than once")
        return values[0] if values and values[0] else None

    def reference(self, name: str) -> str | None:
        """Return a parameter that is a name or an id."""
        value = self.text(name)
        return None if value is None else checked_reference(value)

    def integer(self, name: str, *, most: int = MAX_INTEGER) -> int | None:
        """Return a parameter that is a whole number from 0 to `most`."""
        if (value := self.text(name)) is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 19 and int(value) <= most):
            raise _wrong(name, f"must be a whole number from 0 to {most}")
        return int(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a parameter that is yes or no; just naming it means yes."""
        if (value := self.text(name)) is None:
            return name in self._given or default
        if value not in _FLAGS:
            raise _wrong(name, "must be true or false")
        return _FLAGS[value]

    def choice(self, name: str, kind: type[Choice]) -> Choice | None:
        """Return a parameter that is one of a few words."""
        if (value := self.text(name)) is None:
            return None
        try:
            return kind(value.lower())
        except ValueError:
            raise _wrong(name, f"must be one of {', '.join(kind)}") from None

    def end(self) -> None:
        """Object to parameters that nobody knows: a misspelt filter must not show everything."""
        unknown = sorted(set(self._given) - self._taken)
        if unknown:
            known = ", ".join(sorted(self._taken))
            raise InvalidInput(
                tuple(
                    Objection(f"?{name[:60]}", f"is not known; known are {known}")
                    for name in unknown[:10]
                )
            )


_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _wrong(name: str, message: str) -> InvalidInput:
    return InvalidInput((Objection(f"?{name}", message),))
