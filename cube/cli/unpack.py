"""Taking apart a tar that nobody here vouches for.

A container wrote it, or somebody who broke into one; it lands among a person's files. Not by tarfile's own extraction:
the checks of its `data` filter (PEP 706) could be passed by with links before Python 3.11.13. The rules:

- every entry stands under the one root that was asked for, by a path without `..`;
- nothing is written through a link that is found on the way, whoever made it;
- links are made last, when nothing more is written; each leads up from its own folder at most as far as the root and
  then only down, so that no chain of them leads out;
- a second name (hard link) is one of a file of the same tar;
- no devices, pipes, sockets; no setuid, setgid, sticky bits; the files are the caller's own;
- no more entries and bytes than was said, and no more bytes than there is room for.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
import tarfile
from pathlib import Path
from typing import IO, Protocol, cast

from cube.errors import CubeError, PeerFault, TooLarge

ENTRIES_MOST = 1_000_000
HEADER_MOST = 1 << 20  # an extended header holds a name; tarfile would read any length of it
YEAR_5000 = 95_617_584_000  # no file system here knows more; what is beyond was made up
HEADERS = frozenset(
    {
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    }
)


class Readable(Protocol):
    """What a tar is read from."""

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, empty at the end."""


class _Entry(tarfile.TarInfo):
    """A header that is bounded before tarfile reads what it announces."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in HEADERS and self.size > HEADER_MOST:
            raise TooLarge(f"the archive has a header of {self.size} bytes")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise PeerFault("the archive holds a sparse file, which is not taken apart here")
        found: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]  # in no stub
        return found


def unpack(
    source: Readable, folder: Path, *, root: str, name: str, bytes_most: int | None = None
) -> list[str]:
    """Take a tar with this root apart in a folder, under another name; return what was left out, and why.

    An empty name puts what is in the root straight into the folder. PeerFault or TooLarge for what no honest tar
    holds; what came before it is there then.
    """
    room = shutil.disk_usage(folder).free
    bounds = _Bounds(room if bytes_most is None else min(room, bytes_most))
    job = _Unpacking(folder, root=root, name=name)
    try:
        with tarfile.open(
            fileobj=cast("IO[bytes]", source), mode="r|", tarinfo=_Entry, bufsize=64 * 1024
        ) as tar:
            while (entry := tar.next()) is not None:
                bounds.count(entry)
                job.take(tar, entry)
                tar.members = []  # type: ignore[attr-defined]  # it would remember every one
        job.finish()
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise PeerFault(f"the archive cannot be read: {error}") from error
    except OSError as error:
        where = error.filename or folder
        raise CubeError(f"{where}: {(error.strerror or str(error)).lower()}") from error
    return job.left_out


class _Bounds:
    """How much is taken."""

    def __init__(self, bytes_most: int) -> None:
        self._bytes_left = bytes_most
        self._entries_left = ENTRIES_MOST

    def count(self, entry: tarfile.TarInfo) -> None:
        self._entries_left -= 1
        self._bytes_left -= entry.size
        if self._entries_left < 0:
            raise TooLarge(f"the archive holds more than {ENTRIES_MOST} entries")
        if entry.size < 0 or self._bytes_left < 0:
            raise TooLarge("the archive holds more than there is room for")


class _Unpacking:
    """One tar and the folder it goes to."""

    def __init__(self, folder: Path, *, root: str, name: str) -> None:
        self._folder = Path(os.path.realpath(folder))  # the user may have named it by a link
        self._root = posixpath.normpath(root).strip("/") or "."
        self._name = name
        self._checked: set[Path] = {self._folder}
        self._files: set[str] = set()
        self._links: list[tuple[str, str]] = []
        self._modes: list[tuple[Path, int]] = []
        self.left_out: list[str] = []

    def take(self, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        """Write one entry, note it for the end, or leave it out."""
        relative = self._renamed(entry.name)
        if entry.issym():
            self._note_link(relative, entry)
        elif entry.islnk():
            self._second_name(relative, entry)
        elif entry.isdir():
            self._make_folder(relative, entry)
        elif entry.isreg() and entry.sparse is None:
            self._write(tar, relative, entry)
        else:
            self.left_out.append(f"{entry.name}: a device, pipe or the like")

    def finish(self) -> None:
        """Make the links, and give the folders their modes: they had to be writable until now."""
        for relative, target in self._links:
            path = self._way_to(relative)
            _clear(path)
            path.symlink_to(target)
        for path, mode in reversed(self._modes):
            path.chmod(mode)

    def _renamed(self, name: str) -> str:
        """Return the path below the folder. PeerFault when it is not under the root that was asked for."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        root = [] if self._root == "." else self._root.split("/")
        if ".." in parts or parts[: len(root)] != root or name.startswith("/") or "\0" in name:
            raise PeerFault(f"the archive holds {name!r}, which is not under {self._root!r}")
        return "/".join([*([self._name] if self._name else []), *parts[len(root) :]])

    def _way_to(self, relative: str) -> Path:
        """Return the path, its folders made. PeerFault when a link or a file is on the way."""
        path = self._folder / relative
        for parent in reversed([path.parent, *path.parent.parents]):
            if parent in self._checked or not parent.is_relative_to(self._folder):
                continue
            try:
                if not stat.S_ISDIR(parent.lstat().st_mode):
                    raise PeerFault(f"{parent} is no folder, and the archive has something in it")
            except FileNotFoundError:
                parent.mkdir()
            self._checked.add(parent)
        return path

    def _make_folder(self, relative: str, entry: tarfile.TarInfo) -> None:
        if not relative:
            return
        path = self._way_to(f"{relative}/any").parent
        self._modes.append((path, _mode(entry) | 0o700))

    def _write(self, tar: tarfile.TarFile, relative: str, entry: tarfile.TarInfo) -> None:
        path = self._way_to(relative)
        if path == self._folder:
            raise PeerFault("the archive holds a file where a folder was asked for")
        _clear(path)
        content = tar.extractfile(entry)
        assert content is not None
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            shutil.copyfileobj(content, file, 256 * 1024)
            os.fchmod(file.fileno(), _mode(entry))
        changed = min(max(entry.mtime, 0), YEAR_5000)
        os.utime(path, (changed, changed))
        self._files.add(relative)

    def _second_name(self, relative: str, entry: tarfile.TarInfo) -> None:
        first = self._renamed(entry.linkname)
        if first not in self._files:
            self.left_out.append(f"{entry.name}: a second name of what is not in the archive")
            return
        path = self._way_to(relative)
        if relative != first:
            _clear(path)
            path.hardlink_to(self._way_to(first))
            self._files.add(relative)

    def _note_link(self, relative: str, entry: tarfile.TarInfo) -> None:
        depth = relative.count("/") - (1 if self._name else 0)
        if relative and leads_down(entry.linkname, depth):
            self._links.append((relative, entry.linkname))
        else:
            self.left_out.append(f"{entry.name}: a link to {entry.linkname}, outside of the copy")


def leads_down(target: str, depth: int) -> bool:
    """Whether a link in a folder so many levels below the root leads up that far at most, and then only down.

    Where this holds for every link, each leads to inside the root even if it passes through others.
    """
    if not target or target.startswith("/") or "\0" in target:
        return False
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    return ups <= max(depth, 0) and ".." not in parts[ups:]


def _mode(entry: tarfile.TarInfo) -> int:
    """Return its permissions without the bits that would lend the caller's rights to others."""
    return (entry.mode & 0o755) | 0o600


def _clear(path: Path) -> None:
    """Make way for an entry. A folder stays: OSError."""
    if path.is_dir() and not path.is_symlink():
        raise IsADirectoryError(None, "is a folder, and the archive has a file there", str(path))
    path.unlink(missing_ok=True)
