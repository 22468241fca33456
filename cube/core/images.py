"""Images by name: how a task's image is named where an engine lists it, and how many names a worker tells."""

from __future__ import annotations

from collections.abc import Iterable

NAMES_AT_MOST = 100
NAMES_BYTES = 8 * 1024  # of all names together: some eighty of the usual length


def listed_name(image: str) -> str:
    """Return the name under which an engine lists this image: `busybox` is listed as `busybox:latest`.

    Docker leaves out its own registry and the `library` of official images; a tag beside a digest says nothing more.
    """
    name = image.removeprefix("docker.io/").removeprefix("library/")
    name, _, digest = name.partition("@")
    path, slash, last = name.rpartition("/")
    if digest:
        return f"{path}{slash}{last.partition(':')[0]}@{digest}"
    return name if ":" in last else f"{name}:latest"


def bounded(names: Iterable[str]) -> tuple[str, ...]:
    """Return the first of these names, each once: as many as a worker tells its manager."""
    told: dict[str, None] = {}
    left = NAMES_BYTES
    for name in names:
        if name in told:
            continue
        left -= len(name.encode())
        if left < 0 or len(told) == NAMES_AT_MOST:
            break
        told[name] = None
    return tuple(told)
