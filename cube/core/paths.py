"""How an objection says where it is and what it found there."""

from __future__ import annotations

from cube.core import grammar


def at(path: str, key: str | int) -> str:
    """Return the path of an entry, fit for a message whatever the key holds."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if grammar.is_label_key(key) else f"{path}[{shown(key)}]"


def shown(text: str) -> str:
    """Return the text in quotes, in ASCII and cut, fit for a message whatever it holds."""
    return ascii(text[:60]) + ("..." if len(text) > 60 else "")


def number(value: int) -> object:
    """Return the number, or words for one that is too long to be read."""
    return value if abs(value) < 10**30 else "far too large"
