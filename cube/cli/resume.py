"""A wait that ends early leaves what was asked for as it is, and says how to follow it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cube.cli.output import note
from cube.errors import ManagerAway


@contextmanager
def resumable(words: str) -> Iterator[None]:
    """Tell with `words` what goes on and how to follow it, when the wait is interrupted or the manager leaves."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"\n{words}")
        raise
    except ManagerAway as away:
        raise ManagerAway(away.message, hint=words) from away
