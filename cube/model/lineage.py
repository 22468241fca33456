"""What a ledger knows of history that it lost: it was put back to an earlier state, and went on from there.

The numbers that lost history may have given out are not given again. How many those are nobody knows who lost it, and
a ledger can be put back twice to the same state; but it gives out fewer than a revision in a microsecond and fewer
than a stay of one slot in a second. So they go on from the time, read as a number.
"""

from __future__ import annotations

import msgspec

REVISIONS_PER_MS = 1_000
REVISIONS_PER_GENERATION = 1_000_000

REVISIONS_SKIPPED = 1_000_000_000
"""At least, where the clock is not to be believed: 10,000 events a second for a day."""


class Gap(msgspec.Struct, frozen=True):
    """Revisions strictly between these two may have been given before, to changes that are not on record."""

    after: int
    before: int


class Lineage(msgspec.Struct, frozen=True):
    """The losses of a ledger, oldest first, and whether the newest is still being made good (`core.recovery`)."""

    gaps: tuple[Gap, ...] = ()
    recovering: bool = False

    @property
    def revision(self) -> int:
        """The least revision that the ledger can be at."""
        return self.gaps[-1].before if self.gaps else 0

    @property
    def generation(self) -> int:
        """No slot is given this fencing number or a smaller one: lost history may have used them."""
        return self.revision // REVISIONS_PER_GENERATION

    def lost(self, revision: int) -> bool:
        """Whether what happened at this revision is not on record because the record was lost."""
        return any(gap.after < revision < gap.before for gap in self.gaps)

    def put_back(self, revision: int, *, now_ms: int, seen: int = 0) -> Lineage:
        """Return the lineage of a ledger that ends at this revision although others remember more, up to `seen`."""
        before = max(max(revision, seen) + REVISIONS_SKIPPED, now_ms * REVISIONS_PER_MS)
        return Lineage((*self.gaps, Gap(revision, before)), recovering=True)

    def back(self, revision: int, events: int) -> int:
        """Return the revision behind which these many events are on record up to this one; less than 0: not so many."""
        for gap in reversed(self.gaps):
            recorded = revision - gap.before
            if events <= recorded:
                break
            events -= recorded
            revision = gap.after
        return revision - events
