"""Which manager a command speaks to: flag, environment, the user's context, this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from cube.client.manager import ManagerClient
from cube.client.transport import Address
from cube.errors import InvalidInput, Objection
from cube.wire.routes import DEFAULT_MANAGER_PORT

DEFAULT_HOST = "127.0.0.1"

ManagerOption = Annotated[
    str,
    typer.Option(
        "-m", "--manager", metavar="HOST:PORT", help="The manager to ask (also CUBE_MANAGER)."
    ),
]


def connect(flag: str) -> ManagerClient:
    """Return a client of the manager that was named. Opens no connection yet."""
    return ManagerClient(resolve(flag, os.environ))


def resolve(flag: str, environ: Mapping[str, str]) -> Address:
    """Return the manager's address and token. InvalidInput names the setting that does not read."""
    context = _context(environ)
    token = environ.get("CUBE_TOKEN") or context.get("token", "")
    for source, text in (
        ("--manager", flag),
        ("CUBE_MANAGER", environ.get("CUBE_MANAGER", "")),
        ("CUBE_MANAGER_HOST", _from_parts(environ)),
        (str(context_path(environ)), context.get("manager", "")),
    ):
        if text:
            host, port = parse_address(text, source)
            tls = text.strip().startswith("https://")
            return Address(host, port, token, tls, _ca(environ, context) if tls else "")
    return Address(DEFAULT_HOST, DEFAULT_MANAGER_PORT, token)


def parse_address(text: str, source: str) -> tuple[str, int]:
    """Read HOST, HOST:PORT, :PORT or [V6]:PORT; a leading `http://` is taken for what was meant, `https://` is TLS."""
    bare = text.strip().removeprefix("http://").removeprefix("https://").rstrip("/")
    if bare.startswith("["):
        host, _, rest = bare[1:].partition("]")
        port = rest.removeprefix(":")
    elif bare.count(":") > 1:
        host, port = bare, ""
    else:
        host, _, port = bare.partition(":")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        problem = f"{text!r} is no address; write HOST:PORT, for example 10.0.0.1:5555"
        raise InvalidInput((Objection(source, problem),))
    return host or DEFAULT_HOST, int(port) if port else DEFAULT_MANAGER_PORT


def _ca(environ: Mapping[str, str], context: Mapping[str, str]) -> str:
    """Return the root of the cluster in PEM, or its pin: as it stands, or from the file that is named."""
    given = environ.get("CUBE_CA") or context.get("ca", "")
    if not given or given.startswith("-----BEGIN") or "/" not in given:
        return given
    try:
        return Path(given).expanduser().read_text(encoding="ascii")
    except (OSError, ValueError) as err:
        raise InvalidInput((Objection("CUBE_CA", f"{given} cannot be read: {err}"),)) from err


def context_path(environ: Mapping[str, str]) -> Path:
    """Where the user's own settings are."""
    base = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config"
    return Path(base) / "cube" / "config.toml"


def _from_parts(environ: Mapping[str, str]) -> str:
    host, port = environ.get("CUBE_MANAGER_HOST", ""), environ.get("CUBE_MANAGER_PORT", "")
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{port}" if host or port else ""


def _context(environ: Mapping[str, str]) -> dict[str, str]:
    path = context_path(environ)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    import tomllib  # 20 ms that only those who have a context pay

    try:
        return {key: value for key, value in tomllib.loads(text).items() if isinstance(value, str)}
    except tomllib.TOMLDecodeError as err:
        raise InvalidInput((Objection(str(path), str(err)),)) from err
