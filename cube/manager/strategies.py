"""The strategies of this manager: cube's own, and those that installed packages bring by entry point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from cube.core.scheduler.strategies import STRATEGIES
from cube.core.scheduler.strategy import Strategy
from cube.errors import CubeError

GROUP = "cube.strategies"


@cache
def installed() -> Mapping[str, Strategy]:
    """Return the strategies by name, read once per process. CubeError names a package that cannot be used."""
    return with_entries(entry_points(group=GROUP))


def with_entries(entries: Iterable[EntryPoint]) -> Mapping[str, Strategy]:
    """Return cube's own strategies and these."""
    found = dict(STRATEGIES)
    for entry in entries:
        if entry.name in found:
            raise CubeError(
                f"strategy {entry.name} of {entry.value} has a name that is taken",
                hint=f"uninstall that package, or rename its entry point in the group {GROUP}",
            )
        try:
            strategy = entry.load()
        except (ImportError, AttributeError) as error:
            raise CubeError(
                f"strategy {entry.name} cannot be loaded from {entry.value}: {error}",
                hint="install its package anew, or uninstall it",
            ) from error
        if not callable(strategy):
            raise CubeError(f"strategy {entry.name}: {entry.value} is not a function of offers")
        found[entry.name] = strategy
    return MappingProxyType(found)


def check(name: str) -> None:
    """Return when there is a strategy of that name. CubeError with the list otherwise."""
    if name not in installed():
        raise CubeError(
            f"there is no strategy {name!r}", hint=f"choose one of {', '.join(sorted(installed()))}"
        )
