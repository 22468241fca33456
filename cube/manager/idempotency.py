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
from cube.manager.callers import caller, tasks_of
from cube.manager.decider import Decider
from cube.manager.doors import Beside, Requests
from cube.manager.replies import Reply, location_of
from cube.model.audit import AuditEntry
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
                if (who := caller()) is not None:
                    who.audited = True  # when it happened
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

        def record(answers: list[Answer]) -> Beside:
            said.append(reply(answers))
            at_ms = self._decider.now().wall_ms
            return Beside(_record(key, said[0], at_ms), self._audit(answers, said[0].status, at_ms))

        await self._decider.post(wishes(), record=record)
        return said[0]

    def _audit(self, answers: list[Answer], status: int, at_ms: int) -> tuple[AuditEntry, ...]:
        """Return who asked for the change, to be recorded with it; nothing where it was refused."""
        if status >= 400 or (who := caller()) is None:
            return ()
        who.audited = True
        revision, tasks = self._decider.core.cluster.revision, tasks_of(answers)
        return (who.entry(status, at_ms=at_ms, revision=revision, object=tasks),)


def _record(key: Key | None, said: Reply, at_ms: int) -> RequestRecord | None:
    if key is None or said.status >= 300:
        return None
    return RequestRecord(key.text, key.fingerprint, said.status, said.body, at_ms)


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
