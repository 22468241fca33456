"""Reading what people write behind flags. Errors name the flag."""

from __future__ import annotations

import re

from cube.core.grammar import is_extra
from cube.errors import InvalidInput, Objection
from cube.wire.quantities import duration_ms

_SHARE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,9})?")


def duration_option(flag: str, text: str) -> float | None:
    """Read `90s`, `1h30m` or a bare number of seconds, as seconds; None when absent."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    return duration_ms(text, flag) / 1000


def between_option(flag: str, text: str) -> tuple[float, float]:
    """Read `50ms` or `20ms..200ms` as the least and the most seconds."""
    least, dots, most = text.partition("..")
    found = [duration_ms(part, flag) / 1000 for part in ((least, most) if dots else (least,))]
    if found[-1] < found[0]:
        raise InvalidInput((Objection(flag, f"{text!r} ends before it begins"),))
    return found[0], found[-1]


def share_option(flag: str, text: str) -> float:
    """Read a share of 1: `0.01`."""
    if _SHARE.fullmatch(text) and float(text) <= 1:
        return float(text)
    raise InvalidInput((Objection(flag, f"expected a number from 0 to 1, got {text!r}"),))


def pairs_option(flag: str, texts: list[str]) -> dict[str, str]:
    """Read `KEY=VALUE`, repeated."""
    wrong = tuple(
        Objection(flag, f"{text!r} has no value; write KEY=VALUE")
        for text in texts
        if "=" not in text or text.startswith("=")
    )
    if wrong:
        raise InvalidInput(wrong)
    return {key: value for key, _, value in (text.partition("=") for text in texts)}


def extras_option(flag: str, texts: list[str]) -> dict[str, int]:
    """Read `KIND=NUMBER`, repeated: how many devices of a kind a machine has."""
    found = pairs_option(flag, texts)
    wrong = tuple(
        Objection(flag, f"{kind}={number} is no number of devices; write it like gpu=8")
        for kind, number in found.items()
        if not is_extra(kind) or not re.fullmatch("[0-9]{1,2}", number)
    )
    if wrong:
        raise InvalidInput(wrong)
    return {kind: int(number) for kind, number in found.items()}
