"""What the audit learns beside the changes of tasks and nodes: acts that are no decision, and who was turned away.

Denials are summed by who, from where, what and how; of each kind one entry is written every ten seconds, and of more
than a few kinds the rest as one. Strangers can make entries, but not fill the disk, nor hide an act among them: acts
are never summed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from msgspec.structs import replace

from cube.aio.wakeup import Wakeup
from cube.core.effects import Writes
from cube.errors import CubeError
from cube.manager.callers import Caller, caller
from cube.manager.doors import Recorder
from cube.model.audit import AuditEntry

log = logging.getLogger(__name__)

FIRST_SECONDS = 0.5  # several of a burst become one
SUMMED_SECONDS = 10.0
KINDS_HELD = 1_000
_Kind = tuple[str, str, str, int]


class Auditor:
    """Records single acts, and denials in sums. `run` writes the sums."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        now_ms: Callable[[], int],
        revision: Callable[[], int],
        denials_at_once: int,
    ) -> None:
        self._recorder = recorder
        self._now_ms = now_ms
        self._revision = revision
        self._most = denials_at_once
        self._denials: dict[_Kind, AuditEntry] = {}
        self._wakeup = Wakeup()

    async def act(self, who: Caller, outcome: int) -> None:
        """Record what somebody did, where no decision did that already. LedgerFull where there is no room."""
        if not who.audited:
            who.audited = True
            await self._recorder.commit(Writes(), None, (self.entry(who, outcome),))

    def entry(self, who: Caller, outcome: int, object: str = "") -> AuditEntry:
        """Return what is to be recorded of an act now."""
        return who.entry(outcome, at_ms=self._now_ms(), revision=self._revision(), object=object)

    def beside(self, outcome: int) -> Callable[[str], tuple[AuditEntry, ...]]:
        """Return what makes, from the words for what was changed, the entry of whoever is asking now: for those who
        record a change and who made it in one transaction."""
        who = caller()

        def entries(object: str) -> tuple[AuditEntry, ...]:
            if who is None:
                return ()
            who.audited = True
            return (self.entry(who, outcome, object),)

        return entries

    def denied(self, who: Caller, outcome: int) -> None:
        """Remember that somebody was turned away."""
        entry = self.entry(who, outcome)
        kind = (entry.principal, entry.address, entry.action, outcome)
        if kind not in self._denials and len(self._denials) >= KINDS_HELD:
            kind, entry = _OTHERS, replace(_REST, at_ms=entry.at_ms)
        earlier = self._denials.get(kind)
        self._denials[kind] = replace(earlier, count=earlier.count + 1) if earlier else entry
        self._wakeup.set()

    async def run(self) -> None:
        """Write what is summed, for ever: the first soon, then every ten seconds."""
        while True:
            await self._wakeup.wait()
            await asyncio.sleep(FIRST_SECONDS)
            await self.write()
            await asyncio.sleep(SUMMED_SECONDS)

    async def write(self) -> None:
        """Record the denials so far."""
        entries = list(self._denials.values())
        self._denials.clear()
        told, rest = entries[: self._most], entries[self._most :]
        if rest:
            count = sum(entry.count for entry in rest)
            told.append(replace(_REST, at_ms=rest[0].at_ms, count=count))
        try:
            await self._recorder.commit(Writes(), None, tuple(told))
        except CubeError as error:
            log.warning("%d denials are not on record: %s", sum(one.count for one in told), error)


_OTHERS: _Kind = ("", "", "", 0)
_REST = AuditEntry(at_ms=0, principal="", action="denials", object="of other kinds", outcome=403)
