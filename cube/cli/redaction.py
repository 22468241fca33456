"""Taking out of a document what others must not read before it is handed on. Pure."""

from __future__ import annotations

import re
from typing import Any

REDACTED = "<redacted>"
_SECRET = r"(?:pass(?:word|wd)?|secret|token|credential|api[_-]?key|auth(?:orization)?)"
_SECRET_KEY = re.compile(_SECRET, re.IGNORECASE)
# `Bearer x`; `--password=x`, `TOKEN=x`, `password: x`; `https://user:x@host`.
_IN_TEXT = (
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)([\w.~+/=-]{6,})"),
    re.compile(rf"(?i)([\w-]*{_SECRET}[\w-]*\s*[=:]\s*)([^\s,;\"']+)"),
    re.compile(r"(\w+://[^\s/:@]*:)([^\s/@]+)(?=@)"),
)


def redacted(value: Any, key: str = "") -> Any:
    """Return the value with the values of variables, passwords, tokens and the like taken out; keys stay."""
    if key == "env" and isinstance(value, dict):
        return dict.fromkeys(value, REDACTED)
    if isinstance(value, dict):
        return {name: redacted(one, str(name)) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return _items(value)
    if isinstance(value, str) and value:
        return REDACTED if _SECRET_KEY.search(key) else redacted_text(value)
    return value


def redacted_text(text: str) -> str:
    """Return text without what looks like a secret."""
    for pattern in _IN_TEXT:
        text = pattern.sub(rf"\g<1>{REDACTED}", text)
    return text


def _items(values: list[Any] | tuple[Any, ...]) -> list[Any]:
    """Redact a list; of a command line also the word behind a flag such as `--password`."""
    found: list[Any] = []
    behind_flag = False
    for one in values:
        is_text = isinstance(one, str)
        found.append(REDACTED if behind_flag and is_text else redacted(one))
        bare_flag = is_text and one.startswith("-") and "=" not in one
        behind_flag = bare_flag and _SECRET_KEY.search(one) is not None
    return found
