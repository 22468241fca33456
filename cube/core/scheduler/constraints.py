"""Where a task may go, as the user writes it: `zone==eu-1`, `node.name != w3`.

The left side is a label of the node or one of the facts under `node.`; the right side is compared as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

import msgspec

from cube.model.node import Node


class Operator(StrEnum):
    """How a constraint compares."""

    EQUAL = "=="
    NOT_EQUAL = "!="


# What each operator says of (what the node has, what is asked). None: the node has no such label.
_HOLDS: dict[Operator, Callable[[str | None, str], bool]] = {
    Operator.EQUAL: lambda has, asked: has == asked,
    Operator.NOT_EQUAL: lambda has, asked: has != asked,  # having none is different from it, too
}

_FACTS: dict[str, Callable[[Node], str]] = {
    "node.id": lambda node: node.id,
    "node.name": lambda node: node.name,
    "node.platform": lambda node: node.facts.platform,
    "node.runtime": lambda node: node.facts.runtime,
}

_SIGNS = re.compile("[=!<>~]+")  # all that an operator is made of in any tool people come from


class Constraint(msgspec.Struct, frozen=True):
    """One condition on a node."""

    key: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        return f"{self.key}{self.operator}{self.value}"

    def holds(self, node: Node) -> bool:
        """Whether the node meets it. A node without the label meets every `!=` and no `==`."""
        return _HOLDS[self.operator](self.look_up(node), self.value)

    def look_up(self, node: Node) -> str | None:
        """Return what the node has under the key, or None when it has no such label."""
        if fact := _FACTS.get(self.key):
            return fact(node)
        return node.facts.labels.get(self.key)


def parse(text: str) -> Constraint:
    """Return the constraint the text means. ValueError with a sentence for the user when it means none."""
    signs = _SIGNS.search(text)
    if signs is None:
        raise ValueError(f"{text!r} has no operator; write it like zone==eu-1 or zone!=eu-1")
    key, value = text[: signs.start()].strip(), text[signs.end() :].strip()
    if not key or " " in key:
        raise ValueError(f"{text!r} does not begin with one label; write it like zone==eu-1")
    if signs[0] not in _OPERATORS:
        raise ValueError(f"{text!r}: {signs[0]} is no operator; write {key}==VALUE or {key}!=VALUE")
    if not value or _SIGNS.search(value):
        raise ValueError(
            f"{text!r} needs one value after {signs[0]}; write one constraint per entry"
        )
    if key.startswith("node.") and key not in _FACTS:
        facts = ", ".join(_FACTS)
        raise ValueError(
            f"{text!r}: {key} is no fact of a node; there are {facts}, and labels without a prefix"
        )
    return Constraint(key, Operator(signs[0]), value)


_OPERATORS = frozenset(operator.value for operator in Operator)
