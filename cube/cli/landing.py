"""Where a copy lands, by the rules that `docker cp` and `cp -r` share. Pure."""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from cube.errors import InvalidInput, Objection


class Place(NamedTuple):
    """One side of a copy: a slot's path, or a local one (no `slot`)."""

    slot: str
    path: str

    @property
    def text(self) -> str:
        """It as it was written."""
        return f"{self.slot}:{self.path}" if self.slot else self.path


class Landing(NamedTuple):
    """The folder that the copy goes into, and the name it gets there; empty: its content goes straight in."""

    folder: str
    name: str


def place_of(text: str) -> Place:
    """Read TASK[.SLOT]:PATH or a local path. A local path with a colon in it is told by `/` or `./` before it."""
    slot, colon, path = text.partition(":")
    if colon and slot and "/" not in slot and slot != ".":
        return Place(slot, path or "/")
    return Place("", text)


def contents_only(path: str) -> bool:
    """Whether the path means what is in a folder and not the folder: it ends in `/.`, or is `.`"""
    return path == "." or path.endswith("/.")


def without_dot(path: str) -> str:
    """Return the path of the folder whose contents are meant."""
    return path.removesuffix(".") or "." if contents_only(path) and path != "." else path


def landing(
    source: str, name: str, *, folder: bool, target: str, there: str, parent_is_folder: bool
) -> Landing:
    """Return where the thing of this name at path `source` lands.

    `there` says what is at `target`: folder, file, or nothing (empty). InvalidInput where the rules forbid it.
    """
    content = folder and contents_only(source)
    if there == "folder":
        return Landing(target, "" if content else name)
    if there:
        if folder:
            raise _wrong(target, "is a file, and what is to be copied there is a folder")
        if target.endswith("/"):
            raise _wrong(target, "is a file and no folder")
    elif target.endswith("/") and not folder:
        raise _wrong(target, "is no folder; make it first, or leave out the last /")
    parent, new_name = posixpath.split(target.rstrip("/"))
    if not there and not parent_is_folder:
        raise _wrong(target, "cannot be made: the folder that it would be in is not there")
    return Landing(parent or (posixpath.sep if target.startswith("/") else "."), new_name)


def _wrong(path: str, message: str) -> InvalidInput:
    return InvalidInput((Objection(path, message),))
