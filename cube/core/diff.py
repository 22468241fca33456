"""What differs between two specs, field by field and by the path that a task file has them under."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cube.core.paths import at
from cube.model.spec import TaskSpec


class FieldChange(msgspec.Struct, frozen=True):
    """One value that changes. None: it is not there. Values are plain, as in JSON."""

    path: str
    before: Any
    after: Any


def differences(before: TaskSpec, after: TaskSpec) -> tuple[FieldChange, ...]:
    """Return what changes from one to the other, in the order of the fields; nothing where they are equal.

    What was added or removed as a whole (a port, a health check) is one change.
    """
    return tuple(_between("", before, after))


def _between(path: str, before: object, after: object) -> Iterator[FieldChange]:
    if before == after:
        return
    match before, after:
        case (msgspec.Struct(), msgspec.Struct()) if type(before) is type(after):
            for field in before.__struct_fields__:
                name = f"{path}.{field}" if path else field
                yield from _between(name, getattr(before, field), getattr(after, field))
        case Mapping(), Mapping():
            for key in [*before, *(key for key in after if key not in before)]:
                yield from _between(at(path, str(key)), before.get(key), after.get(key))
        case tuple(), tuple():
            for index in range(max(len(before), len(after))):
                yield from _between(at(path, index), _item(before, index), _item(after, index))
        case _:
            yield FieldChange(path, msgspec.to_builtins(before), msgspec.to_builtins(after))


def _item(values: tuple[object, ...], index: int) -> object:
    return values[index] if index < len(values) else None
