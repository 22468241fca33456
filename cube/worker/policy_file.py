"""Reading a worker's policy: a TOML file that only its owner can have written. Without one, nothing is allowed.

A file that cannot be trusted or understood stops the worker: half a policy is worse than none.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from cube.core import grammar
from cube.core.attachments import is_device, is_mount_name
from cube.errors import CubeError, InvalidInput
from cube.model.policy import (
    CLOSED,
    LOG_BYTES,
    LOG_FILES,
    MOST_PIDS,
    HostPolicy,
    MountRight,
    Policy,
)
from cube.wire.quantities import size

DEFAULT_FILE = Path("/etc/cube/worker.toml")
MOST_BYTES = 64 * 1024
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

T = TypeVar("T")


class BadPolicy(CubeError):
    """The policy file cannot be taken: it is not to be trusted, or says what nobody understands."""

    code = "bad_policy"
    exit_code = 2


def load(path: Path | None) -> HostPolicy:
    """Return the policy of the file; of the default one, if there is such, where no path is given.

    BadPolicy names the file, the line and what to do.
    """
    file = path or DEFAULT_FILE
    try:
        text = _read_trusted(file)
    except FileNotFoundError:
        if path is None:
            return CLOSED
        raise BadPolicy(f"there is no policy file {file}") from None
    except OSError as error:
        raise BadPolicy(f"the policy {file} cannot be read: {error.strerror}") from error
    try:
        return parse(text)
    except BadPolicy as error:
        raise BadPolicy(f"the policy {file}, {error.message}", hint=error.hint) from None


def _read_trusted(file: Path) -> str:
    """Return the file's text, when nobody but root and this user can have had a hand in it."""
    real = Path(os.path.realpath(file, strict=True))
    # Whoever can write a folder can put another file or link in the place of what is in it.
    for folder in {*file.absolute().parents, *real.parents}:
        _trusted(folder, folder.stat(), of_folder=True)
    with os.fdopen(os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as opened:
        status = os.fstat(opened.fileno())
        _trusted(real, status)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise BadPolicy(f"the policy {file} is no file of at most {MOST_BYTES} bytes")
        data = opened.read()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadPolicy(f"the policy {file}, line {line}: is not UTF-8") from None


def _trusted(path: Path, status: os.stat_result, *, of_folder: bool = False) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise BadPolicy(
            f"the policy is not to be trusted: {path} belongs to user {status.st_uid}",
            hint=f"chown root {path}",
        )
    # In a sticky folder, such as /tmp, nobody moves the files of others.
    sticky = of_folder and status.st_mode & stat.S_ISVTX
    if status.st_mode & _OTHERS_WRITE and not sticky:
        raise BadPolicy(
            f"the policy is not to be trusted: others may write {path}",
            hint=f"chmod go-w {path}",
        )


def parse(text: str) -> HostPolicy:
    """Return the policy of this text. BadPolicy begins with the line."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"\(at line (\d+), column \d+\)$", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise BadPolicy(f"line {line}: is not TOML: {error}") from None
    return _Reader(text).policy(document)


class _Reader:
    """Turns a document into a policy, and knows where in the text a key stands."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    def policy(self, document: dict[str, Any]) -> HostPolicy:
        table = dict(document)
        limits: dict[str, Any] = self._take(table, "limits", _table, {})
        mounts: dict[str, Any] = self._take(table, "mounts", _table, {})
        memory_most = self._take(limits, "memory_most", _bytes, 0)
        rights = [self._mount(name, value) for name, value in mounts.items()]
        allows = Policy(
            privileged=self._take(table, "privileged", _boolean, False),
            host_network=self._take(table, "host_network", _boolean, False),
            devices=self._take(table, "devices", _list(is_device, "the path of a device"), ()),
            capabilities=self._take(
                table, "capabilities", _list(_is_capability, "a capability, like NET_ADMIN"), ()
            ),
            mounts=tuple(right for right, _ in rights),
            images=self._take(
                table,
                "images",
                _list(_is_pattern, "an image, like docker.io/library/nginx or docker.io/team/*"),
                ("*",),
            ),
            pids_most=self._take(limits, "pids_most", _number, MOST_PIDS),
            memory_most=memory_most,
        )
        policy = HostPolicy(
            allows=allows,
            sources={right.name: source for right, source in rights},
            no_new_privileges=self._take(table, "no_new_privileges", _boolean, True),
            # What has no limit of its own would have more than the most.
            memory_default=self._take(limits, "memory_default", _bytes, memory_most),
            log_bytes=self._take(limits, "log_size", _bytes, LOG_BYTES),
            log_files=self._take(limits, "log_files", _number, LOG_FILES),
        )
        for key in [*table, *limits]:
            self._refuse(key, "is no key of a policy; see docs/how-to/allow-more-on-a-worker.md")
        return policy

    def _mount(self, name: str, value: object) -> tuple[MountRight, str]:
        if not is_mount_name(name):
            self._refuse(
                name, "is no name of a mount; use lower case letters, digits, '.', '_', '-'"
            )
        table = {"path": value} if isinstance(value, str) else value
        if not isinstance(table, dict) or not table.keys() <= {"path", "read_only"}:
            self._refuse(name, 'must be a path, or {path = "/srv/data", read_only = true}')
        source, read_only = table.get("path"), table.get("read_only", False)
        if not isinstance(source, str) or not isinstance(read_only, bool):
            self._refuse(name, 'must be a path, or {path = "/srv/data", read_only = true}')
        if why := _why_no_source(source):
            self._refuse(name, why)
        return MountRight(name, read_only), source

    def _take(self, table: dict[str, Any], key: str, read: Callable[[object], T], default: T) -> T:
        if key not in table:
            return default
        try:
            return read(table.pop(key))
        except (ValueError, InvalidInput) as error:
            self._refuse(key, str(error))

    def _refuse(self, key: str, why: str) -> NoReturn:
        pattern = re.compile(rf"""\s*(?:\[\s*)?["']?{re.escape(key)}["']?\s*[=.\]]""")
        found = (number for number, line in enumerate(self._lines, 1) if pattern.match(line))
        raise BadPolicy(f"line {next(found, 1)}: {key} {why}")


def _why_no_source(path: str) -> str:
    """Return what is wrong with a folder of the host that is to be mounted; empty when nothing is."""
    if why := grammar.why_no_path(path):
        return why
    if grammar.clean_path(path) != path:
        return f"must be written plainly: {grammar.clean_path(path)}"
    return "is the root of this machine; name a folder" if path == "/" else ""


def _is_capability(text: str) -> bool:
    return text in grammar.CAPABILITIES


def _is_pattern(text: str) -> bool:
    """Whether it is a name with its registry, or the beginning of one up to a slash, and `*`."""
    host, slash, path = text.removesuffix("*").partition("/")
    if text == "*":
        return True
    named = bool(slash) and ("." in host or ":" in host or host == "localhost")
    if not named or host != host.lower():
        return False
    if "*" in text:
        return text.endswith("/*") and (not path or grammar.is_image(text[:-2]))
    return grammar.is_image(text)


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


def _number(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**31:
        return value
    raise ValueError("must be a number, 0 or more")


def _bytes(value: object) -> int:
    return size(value, "it")


def _table(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return dict(value)
    raise ValueError("must be a table")


def _list(fits: Callable[[str], bool], what: str) -> Callable[[object], tuple[str, ...]]:
    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValueError("must be a list of texts")
        for one in value:
            if not isinstance(one, str) or not fits(one):
                raise ValueError(f"has {one!r}, which is not {what}")
        return tuple(value)

    return read
