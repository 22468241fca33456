"""Which manager a command speaks to: flag, environment, the person's context, this machine. Imports little."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cube.cli.contexts import Contexts, context_path
from cube.client.transport import Address
from cube.errors import InvalidInput, Objection
from cube.wire.routes import DEFAULT_MANAGER_PORT

DEFAULT_HOST = "127.0.0.1"


def resolve(flag: str, environ: Mapping[str, str]) -> Address:
    """Return the manager's address and token. InvalidInput names the setting that does not read."""
    return located(flag, environ)[0]


def located(flag: str, environ: Mapping[str, str]) -> tuple[Address, str]:
    """Return the same, and what said so: `--manager`, a variable, `context prod`, or `default`."""
    for source, text in (
        ("--manager", flag),
        ("CUBE_MANAGER", environ.get("CUBE_MANAGER", "")),
        ("CUBE_MANAGER_HOST", _from_parts(environ)),
    ):
        if text:
            token, ca = environ.get("CUBE_TOKEN", ""), environ.get("CUBE_CA", "")
            return _address(text, source, token, ca), source
    return of_context(environ)


def of_context(environ: Mapping[str, str]) -> tuple[Address, str]:
    """Return the manager of the context in use, whatever a flag or a variable says, and the name of what said so."""
    contexts = Contexts(context_path(environ))
    name = contexts.current(environ)
    found = contexts.get(name)
    # A token goes only to the manager that it stands beside.
    token = environ.get("CUBE_TOKEN") or found.get("token", "")
    if manager := found.get("manager", ""):
        ca = environ.get("CUBE_CA") or found.get("ca", "")
        return _address(manager, str(contexts.path), token, ca), f"context {name}"
    return Address(DEFAULT_HOST, DEFAULT_MANAGER_PORT, token), "default"


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


def _address(text: str, source: str, token: str, ca: str) -> Address:
    host, port = parse_address(text, source)
    tls = text.strip().startswith("https://")
    return Address(host, port, token, tls, _read_ca(ca) if tls else "")


def kept_ca(given: str) -> str:
    """Return a root as it is kept for later: a file by its whole path, a pin as it is."""
    file = Path(given).expanduser()
    return str(file.resolve()) if given and file.is_file() else given


def _read_ca(given: str) -> str:
    """Return the root of the cluster in PEM, or its pin: as it stands, or from the file that is named."""
    if not given or given.startswith("-----BEGIN") or "/" not in given:
        return given
    try:
        return Path(given).expanduser().read_text(encoding="ascii")
    except (OSError, ValueError) as err:
        raise InvalidInput((Objection("CUBE_CA", f"{given} cannot be read: {err}"),)) from err


def _from_parts(environ: Mapping[str, str]) -> str:
    host, port = environ.get("CUBE_MANAGER_HOST", ""), environ.get("CUBE_MANAGER_PORT", "")
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{port}" if host or port else ""
