"""Which state a client means: the tag of what it has seen, and the revision that its change is for.

A tag is the task's revision and what the whole answer comes to, `"7-1f3a..."`: a task changes its looks without its
user, and then has another tag at the same revision. A change is for a revision, and takes a whole tag as well.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from aiohttp import hdrs, web

from cube.errors import InvalidInput, Objection

_GIVEN = re.compile(r'"?([0-9]{1,18})(-[0-9a-f]{1,32})?"?')


def etag(revision: int, body: bytes) -> str:
    """Return the tag of an answer about a task."""
    return f'"{revision}-{blake2b(body, digest_size=8).hexdigest()}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the client has seen just this. A list of tags may be given, and a proxy may have weakened them."""
    if if_none_match is None:
        return False
    given = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return tag in given or "*" in given


def if_revision(request: web.Request) -> int | None:
    """Return the revision in If-Match, written `7`, `"7"` or as a tag; None: any will do. InvalidInput otherwise."""
    text = request.headers.get(hdrs.IF_MATCH, "*").strip()
    if text == "*":
        return None
    if (given := _GIVEN.fullmatch(text)) is None:
        raise InvalidInput((Objection("If-Match", "must be the revision or the ETag of the task"),))
    return int(given[1])
