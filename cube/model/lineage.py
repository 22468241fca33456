"""What a ledger knows of history that it lost: it was put back to an earlier state, and went on from there."""

from __future__ import annotations

import msgspec

REVISIONS_SKIPPED = 1_000_000_000
"""How far the numbering leaps over lost history: 10,000 events a second for a day."""

GENERATIONS_SKIPPED = 1_000_000
"""How far the fencing numbers of all slots leap for each loss: more stays of one slot than a day has seconds."""


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
        return len(self.gaps) * GENERATIONS_SKIPPED

    def lost(self, revision: int) -> bool:
        """Whether what happened at this revision is not on record because the record was lost."""
        return any(gap.after < revision < gap.before for gap in self.gaps)

    def put_back(self, revision: int, seen: int = 0) -> Lineage:
        """Return the lineage of a ledger that ends at this revision although others remember more, up to `seen`."""
        newest = max(revision, seen)
        before = (newest // REVISIONS_SKIPPED + 1) * REVISIONS_SKIPPED
        return Lineage((*self.gaps, Gap(revision, before)), recovering=True)
