"""What labels and facts say of each row, looked up once per node and kept for the next question."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import TypeVar

import numpy as np

from cube.core.scheduler.columns import Flags, Ints
from cube.core.scheduler.constraints import Constraint
from cube.core.scheduler.facts import look_up
from cube.model.node import Node
from cube.model.policy import Policy

_NO_POLICIES = (Policy(),)
_KEPT = 64  # questions that are kept; each costs some bytes per node

Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept")


class Lookups:
    """Columns by constraint and by label. Owned by the inventory, which tells of every node whose facts change."""

    def __init__(self) -> None:
        self._masks: dict[Constraint, Flags] = {}
        self._values: dict[str, tuple[Ints, dict[str, int]]] = {}
        self._policies: tuple[Ints, dict[Policy, int]] | None = None

    def matching(
        self, constraint: Constraint, nodes: Iterable[tuple[int, Node]], rows: int
    ) -> Flags:
        """Return which rows meet the constraint."""
        mask = self._masks.get(constraint)
        if mask is None:
            mask = np.zeros(rows, dtype=np.bool_)
            for row, node in nodes:
                mask[row] = constraint.holds(node)
            keep(self._masks, constraint, mask)
        return mask

    def values_of(
        self, label: str, nodes: Iterable[tuple[int, Node]], rows: int
    ) -> tuple[Ints, int]:
        """Return the number of each row's value, -1 where it has none, and how many values there are."""
        found = self._values.get(label)
        if found is None:
            found = np.full(rows, -1, dtype=np.int64), {}
            for row, node in nodes:
                _number_value(found, row, look_up(node, label))
            keep(self._values, label, found)
        return found[0], len(found[1])

    def policies(
        self, nodes: Iterable[tuple[int, Node]], rows: int
    ) -> tuple[Ints, Collection[Policy]]:
        """Return the number of each row's policy, and the policies in the order of their numbers.

        There are few: nodes mostly have the same one. Rows that are nobody's have any number.
        """
        if self._policies is None:
            self._policies = np.zeros(rows, dtype=np.int64), {}
            for row, node in nodes:
                _number_policy(self._policies, row, node.facts.policy)
        numbers, policies = self._policies
        return numbers, policies or _NO_POLICIES

    def note(self, row: int, node: Node) -> None:
        """Look the row up anew: its node has other facts."""
        for constraint, mask in self._masks.items():
            mask[row] = constraint.holds(node)
        for label, found in self._values.items():
            _number_value(found, row, look_up(node, label))
        if self._policies is not None:
            _number_policy(self._policies, row, node.facts.policy)
            if len(self._policies[1]) > _KEPT:
                self._policies = None  # most of them are nobody's any more

    def forget(self) -> None:
        """Look everything up anew: there are more rows, or fewer nodes."""
        self._masks.clear()
        self._values.clear()
        self._policies = None


def keep(kept: dict[Key, Kept], key: Key, column: Kept) -> None:
    """Keep the column for the next question, and let the oldest go where there are too many."""
    if len(kept) >= _KEPT:
        del kept[next(iter(kept))]
    kept[key] = column


def _number_value(found: tuple[Ints, dict[str, int]], row: int, value: str | None) -> None:
    codes, numbers = found
    codes[row] = numbers.setdefault(value, len(numbers)) if value else -1


def _number_policy(found: tuple[Ints, dict[Policy, int]], row: int, policy: Policy) -> None:
    numbers, policies = found
    numbers[row] = policies.setdefault(policy, len(policies))
