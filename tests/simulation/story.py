"""What happened, told for people: who did what, and when."""

from __future__ import annotations

from collections.abc import Callable


class Story:
    """The lines of one history. Costs next to nothing unless somebody wants to read it."""

    def __init__(self, now: Callable[[], float], *, wanted: bool) -> None:
        self._now = now
        self.wanted = wanted
        self.lines: list[str] = []

    def tell(self, who: str, what: str, *facts: object) -> None:
        """Add a line; `facts` fill the gaps of `what`, only when it is read."""
        if self.wanted:
            words = what.format(*facts) if facts else what
            self.lines.append(f"{self._now():9.3f}  {who:<10} {words}")
