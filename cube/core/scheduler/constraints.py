"""Where a task may go, as the user writes it, close to kubectl's label selectors:

    zone==eu-1   zone!=eu-1   zone in (eu-1, eu-2)   zone notin (us)   zone   !zone   gpus>2   node.memory<8g

The left side is a label of the node or one of the facts under `node.`. Text is compared as it stands; `<` and `>`
compare numbers, sizes and versions, and hold for nothing that is neither.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from cube.core.scheduler import facts
from cube.model.node import Node


class Operator(StrEnum):
    """How a constraint compares."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    NOT_EXISTS = "!"
    LESS = "<"
    GREATER = ">"


class Constraint(msgspec.Struct, frozen=True):
    """One condition on a node."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        match self.operator:
            case Operator.EXISTS:
                return self.key
            case Operator.NOT_EXISTS:
                return f"!{self.key}"
            case Operator.IN | Operator.NOT_IN:
                return f"{self.key} {self.operator} ({', '.join(self.values)})"
            case _:
                return f"{self.key}{self.operator}{self.values[0]}"

    def holds(self, node: Node) -> bool:
        """Whether the node meets it. A node without the label meets `!=`, `notin` and `!`, and nothing else."""
        has = self.look_up(node)
        match self.operator:
            case Operator.EQUAL | Operator.IN:
                return has in self.values
            case Operator.NOT_EQUAL | Operator.NOT_IN:
                return has not in self.values
            case Operator.EXISTS:
                return bool(has)
            case Operator.NOT_EXISTS:
                return not has
            case Operator.LESS | Operator.GREATER:
                return has is not None and self._compares(has)

    def look_up(self, node: Node) -> str | None:
        """Return what the node has under the key, or None when it has no such label."""
        return facts.look_up(node, self.key)

    def _compares(self, has: str) -> bool:
        for read in facts.readings(self.key):
            mine, asked = read(has), read(self.values[0])
            if mine is not None and asked is not None:
                # The same reader gives both: two floats or two tuples.
                less = mine < asked if self.operator is Operator.LESS else mine > asked  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
                return bool(less)
        return False


_SIGNS = re.compile("[=!<>~]+")  # all that an operator is made of in any tool people come from
_SETS = re.compile(r"(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_BY_SIGN = {
    one.value: one for one in (Operator.EQUAL, Operator.NOT_EQUAL, Operator.LESS, Operator.GREATER)
}
_EXAMPLES = "zone==eu-1, zone in (eu-1, eu-2), zone or !zone"


def parse(text: str) -> Constraint:
    """Return the constraint the text means. ValueError with a sentence for the user when it means none."""
    stripped = text.strip()
    if sets := _SETS.fullmatch(stripped):
        return _of_a_set(text, sets["key"], Operator(sets["operator"]), sets["values"])
    if stripped.startswith("!") and not _SIGNS.search(stripped[1:]):
        return Constraint(_key(text, stripped[1:].strip()), Operator.NOT_EXISTS)
    signs = _SIGNS.search(stripped)
    if signs is None:
        return Constraint(_key(text, stripped), Operator.EXISTS)
    key, value = _key(text, stripped[: signs.start()].strip()), stripped[signs.end() :].strip()
    operator = _BY_SIGN.get(signs[0])
    if operator is None:
        near = f"{key}==VALUE, {key}!=VALUE, {key}<VALUE or {key}>VALUE"
        raise ValueError(f"{text!r}: {signs[0]} is no operator; write {near}")
    if not value or _SIGNS.search(value):
        raise ValueError(
            f"{text!r} needs one value after {signs[0]}; write one constraint per entry"
        )
    if operator in (Operator.LESS, Operator.GREATER):
        _check_comparable(text, key, value)
    return Constraint(key, operator, (value,))


def _of_a_set(text: str, key: str, operator: Operator, values: str) -> Constraint:
    several = tuple(value.strip() for value in values.split(","))
    if not all(several):
        raise ValueError(f"{text!r} has an empty value; write it like zone {operator} (eu-1, eu-2)")
    return Constraint(_key(text, key), operator, several)


def _key(text: str, key: str) -> str:
    if not key or any(char in " ()," for char in key):
        raise ValueError(f"{text!r} does not begin with one label; write it like {_EXAMPLES}")
    if key.startswith("node.") and key not in facts.FACTS:
        known = ", ".join(facts.FACTS)
        raise ValueError(
            f"{text!r}: {key} is no fact of a node; there are {known}, and labels without a prefix"
        )
    return key


def _check_comparable(text: str, key: str, value: str) -> None:
    reads = facts.readings(key)
    if not reads:
        raise ValueError(f"{text!r}: {key} is text; compare it with ==, !=, in or notin")
    if all(read(value) is None for read in reads):
        raise ValueError(f"{text!r}: {value!r} is no number and no version")
