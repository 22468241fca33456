"""Changes over HTTP, each made once however often it is asked for.

A client that lost the answer asks again with the same Idempotency-Key and gets the answer it would have got. The
answer is recorded in the same transaction as the change, so there is no moment at which only one of them is durable.
A refusal changes nothing and is not recorded: asked again, it is looked at again.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence

import msgspec

from cube.core.effects import Answer
from cube.core.inputs import Input
from cube.errors import InvalidInput, KeyReused, Objection
from cube.manager.decider import Decider
from cube.manager.doors import Requests
from cube.manager.replies import Reply, location_of
from cube.store.ledger import RequestRecord

KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Key(msgspec.Struct, frozen=True):
    """A client's name for one request, and what the request was."""

    text: str
    fingerprint: str


def key_of(header: str | None, method: str, path: str, body: bytes) -> Key | None:
    """Return the key of a request, or None when it has none. InvalidInput when the header is no key."""
    if header is None:
        return None
    if not KEY.fullmatch(header):
        raise InvalidInput(
            (Objection("Idempotency-Key", "must be 1 to 255 visible ASCII letters"),)
        )
    told = hashlib.sha256(f"{method} {path}\n".encode() + body)
    return Key(header, told.hexdigest())


class Changes:
    """The one way by which a request changes the cluster."""

    def __init__(self, decider: Decider, requests: Requests) -> None:
        self._decider = decider
        self._requests = requests
        self._under_way: dict[str, asyncio.Event] = {}

    async def make(
        self,
        key: Key | None,
        wishes: Callable[[], Sequence[Input]],
        reply: Callable[[list[Answer]], Reply],
    ) -> Reply:
        """Decide what `wishes` asks for in one transaction and return `reply`'s words for it, once it is recorded.

        Both are called at the moment of the decision, and not at all when the key has its answer already.
        Duplicates wait for the first. KeyReused when the key came with something else before.
        """
        if key is None:
            return await self._decide(None, wishes, reply)
        while (earlier := self._under_way.get(key.text)) is not None:
            await earlier.wait()
        done = self._under_way[key.text] = asyncio.Event()
        try:
            # One whose client left may still be on its way to the disk.
            await self._decider.settled()
            if (record := await self._requests.request(key.text)) is not None:
                return _told_before(key, record)
            return await self._decide(key, wishes, reply)
        finally:
            del self._under_way[key.text]
            done.set()

    async def _decide(
        self,
        key: Key | None,
        wishes: Callable[[], Sequence[Input]],
        reply: Callable[[list[Answer]], Reply],
    ) -> Reply:
        said: list[Reply] = []

        def record(answers: list[Answer]) -> RequestRecord | None:
            said.append(reply(answers))
            if key is None or said[0].status >= 300:
                return None
            at_ms = self._decider.now().wall_ms
            return RequestRecord(key.text, key.fingerprint, said[0].status, said[0].body, at_ms)

        await self._decider.post(wishes(), record=record)
        return said[0]


def _told_before(key: Key, record: RequestRecord) -> Reply:
    if record.fingerprint != key.fingerprint:
        raise KeyReused(
            "this Idempotency-Key came before with another request",
            hint="a key names one request; make a new one for each",
        )
    return Reply(record.status, record.body, _location(record))


def _location(record: RequestRecord) -> str:
    """Return the header that is not recorded: where the task in the body of a 201 is."""
    if record.status != 201:
        return ""
    return location_of(msgspec.json.decode(record.body, type=_Created).id)


class _Created(msgspec.Struct):
    """The part of a created task's view that names it."""

    id: str
