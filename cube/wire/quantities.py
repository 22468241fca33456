"""Amounts as people write them: `256m`, `1.5GiB`, `90s`, `0.5` cores. Exact, never by way of a float."""

from __future__ import annotations

import re
from decimal import Decimal

from cube.wire.objections import shown, wrong
from cube.wire.strict import WrittenFloat

# Every unit counts by 1024, as in docker: `256m`, `256mb` and `256MiB` are one size.
_BYTES = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([kmgtp]?)(?:i?b)?", re.IGNORECASE)

_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(?:[0-9]{1,15}(?:\.[0-9]{1,9})?(?:ms|[smhd])){1,5}")
_DURATION_PART = re.compile(r"([0-9.]+)(ms|[smhd])")

_CORES = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(m?)")

_LONGEST = 64


def size(value: object, path: str) -> int:
    """Read an amount of bytes: a whole number, or text with a unit."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST and (match := _SIZE.fullmatch(value)):
        return int(Decimal(match[1]) * 1024 ** _BYTES[match[2].lower()])
    raise wrong(path, f'expected bytes or a size like "256m" or "1.5GiB", got {shown(value)}')


def duration_ms(value: object, path: str) -> int:
    """Read a length of time: text with units, the longest first or not: `500ms`, `5s`, `1m30s`."""
    if value == 0 and not isinstance(value, bool):
        return 0
    if isinstance(value, str) and len(value) <= _LONGEST and _DURATION.fullmatch(value):
        total = sum(
            Decimal(number) * _MILLISECONDS[unit] for number, unit in _DURATION_PART.findall(value)
        )
        if total == int(total):
            return int(total)
        raise wrong(path, f"{shown(value)} is not a whole number of milliseconds; round it")
    if isinstance(value, int) and not isinstance(value, bool):
        raise wrong(path, f'has no unit; write "{value}s" for seconds')
    raise wrong(path, f'expected a time like "5s", "500ms" or "1m30s", got {shown(value)}')


def cores_millis(value: object, path: str) -> int:
    """Read an amount of cpu in cores (`0.5`, `2`, `500m`) as thousandths of a core."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 1000
    if isinstance(value, WrittenFloat):
        millis = Decimal(value.text) * 1000
    elif isinstance(value, str) and (match := _CORES.fullmatch(value)):
        millis = Decimal(match[1]) * (1 if match[2] else 1000)
    else:
        raise wrong(path, f'expected cores like 0.5 or 2, or "500m", got {shown(value)}')
    if millis != int(millis):
        raise wrong(path, "is finer than a thousandth of a core; round it")
    return int(millis)


def device_millis(value: object, path: str) -> int:
    """Read a number of devices, or a part of one (`2`, `0.5`), as thousandths of a device."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 1000
    if not isinstance(value, WrittenFloat):
        raise wrong(
            path, f"expected a number of devices like 2, or a part like 0.5, got {shown(value)}"
        )
    millis = Decimal(value.text) * 1000
    if millis != int(millis):
        raise wrong(path, "is finer than a thousandth of a device; round it")
    return int(millis)
