"""Keeping a token in the user's own settings, with the context in use. Only the user can read the file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cube.errors import CubeError, InvalidInput, Objection


def keep_token(path: Path, token: str | None, environ: Mapping[str, str]) -> None:
    """Put the token into the settings, None: take it out. Whole or not at all; what else they hold stays."""
    import tomli_w

    data = _read(path)
    place = _place(data, environ)
    if token is None:
        place.pop("token", None)
    else:
        place["token"] = token
    try:
        _replace(path, tomli_w.dumps(data).encode())
    except OSError as error:
        raise CubeError(f"{path} cannot be written: {error.strerror}") from error


def _place(data: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    contexts, current = data.get("context"), environ.get("CUBE_CONTEXT") or data.get("current")
    if isinstance(contexts, dict) and isinstance(found := contexts.get(current), dict):
        return found
    return data


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidInput((Objection(str(path), str(error)),)) from error


def _replace(path: Path, text: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".config-", dir=path.parent)  # made 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
