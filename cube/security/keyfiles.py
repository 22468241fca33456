"""Files that hold keys: readable by their owner only, never reached through a link, replaced whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cube.errors import CubeError, NotAllowed

MOST_BYTES = 256 * 1024  # keys and certificates are a few kB


def private_directory(path: Path) -> None:
    """Make the directory if it is missing, and close it to others. NotAllowed when somebody else could replace it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise NotAllowed(
                f"{path} is a link, or belongs to another user",
                hint="keys are kept in a directory of the user that cube runs as, and nowhere else",
            )
        path.chmod(0o700)
    except OSError as error:
        raise _unusable(path, error) from error


def read_private(path: Path) -> bytes | None:
    """Return what the file holds, None when there is none. NotAllowed when others can read or replace it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from error
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise NotAllowed(
                f"{path} holds a key, and others can read or change it",
                hint=f"chown it to the user that cube runs as, and `chmod 600 {path}`",
            )
        return opened.read(MOST_BYTES)


def write_private(path: Path, data: bytes) -> None:
    """Put the data in the place of the file, whole or not at all, also for after a power cut."""
    new = path.with_name(f".{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # whatever the umask took
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise _unusable(path, error) from error


def sync_directory(path: Path) -> None:
    """Make the names in a directory last."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _unusable(path: Path, error: OSError) -> CubeError:
    return CubeError(f"{path} cannot be used: {error.strerror or error}")
