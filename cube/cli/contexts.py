"""The clusters a person works with, by name: `$XDG_CONFIG_HOME/cube/config.toml`.

    current = "prod"

    [context.prod]
    manager = "10.0.0.1:5555"

The file is the person's own and may hold tokens, so only its owner reads it. Keys that this version does not know
survive a change; comments do not. A `manager` and a `token` at the top, without a context, go on working.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cube.errors import Conflict, InvalidInput, NotFound, Objection

DEFAULT = "default"  # always there: the manager of this machine
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


def context_path(environ: Mapping[str, str]) -> Path:
    """Where the person's own settings are."""
    base = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config"
    return Path(base) / "cube" / "config.toml"


class Contexts:
    """What the file says. Changing it changes nothing on disk before `save`."""

    def __init__(self, path: Path) -> None:
        """Read the file; one that is not there is empty. InvalidInput names one that does not read."""
        self.path = path
        self._data = _read(path)

    def names(self) -> list[str]:
        """All contexts, by name."""
        return sorted({DEFAULT, *self._tables()})

    def current(self, environ: Mapping[str, str]) -> str:
        """The one that is used when nothing else is said."""
        return environ.get("CUBE_CONTEXT") or _text(self._data.get("current")) or DEFAULT

    def get(self, name: str) -> dict[str, str]:
        """What is known of one: `manager`, `token`, …. NotFound with the names there are."""
        found = self._tables().get(name)
        if found is None and name != DEFAULT:
            hint = f"there are {', '.join(self.names())}; add it with `cube context add`"
            raise NotFound(f"there is no context {name} in {self.path}", hint=hint)
        if found is None:  # what stands at the top, from before there were contexts
            found = self._data
        return {key: value for key, value in found.items() if isinstance(value, str)}

    def add(self, name: str, manager: str, *, ca: str = "", replace: bool = False) -> None:
        """Put a context on record; what else one of that name holds stays. Conflict unless it may be replaced."""
        if not _NAME.fullmatch(name):
            message = f"{name!r} is no name: small letters, digits, `.`, `_` and `-` make one"
            raise InvalidInput((Objection("NAME", message),))
        tables = self._tables()
        if name in tables and not replace:
            raise Conflict(f"there is a context {name} already", hint="--replace changes it")
        tables[name] = {**tables.get(name, {}), "manager": manager} | ({"ca": ca} if ca else {})
        self._data["context"] = tables

    def use(self, name: str) -> None:
        """Make it the current one. NotFound when there is none of that name."""
        self.get(name)
        self._data["current"] = name

    def keep_token(self, name: str, token: str) -> None:
        """Keep a token with this context, or with an empty one forget it. NotFound when there is none of that name."""
        self.get(name)
        place = self._tables().get(name, self._data)
        if token:
            place["token"] = token
        else:
            place.pop("token", None)

    def remove(self, name: str) -> None:
        """Forget it; if it was the current one, this machine's manager is current again."""
        if name not in self._tables():
            self.get(name)
            raise Conflict("the context default is always there", hint="`cube context add` others")
        del self._data["context"][name]
        if self._data.get("current") == name:
            del self._data["current"]

    def save(self) -> None:
        """Replace the file as a whole; readable by its owner only."""
        import tomli_w

        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A temporary file is made 0600, and a reader sees the old or the new text, never a part.
        handle, temporary = tempfile.mkstemp(prefix=".config-", dir=self.path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                tomli_w.dump(self._data, file)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _tables(self) -> dict[str, dict[str, Any]]:
        tables: Any = self._data.get("context", {})
        if isinstance(tables, dict) and all(isinstance(one, dict) for one in tables.values()):
            return tables
        raise InvalidInput((Objection(str(self.path), "`context` holds tables: [context.NAME]"),))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidInput((Objection(str(path), str(err)),)) from err
    import tomllib  # 20 ms that only those who have such a file pay

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise InvalidInput((Objection(str(path), str(err)),)) from err
