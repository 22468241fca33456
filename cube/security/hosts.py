"""Whom a request says it is for, and from which page it comes: the guard against DNS rebinding and cross-site forms.

A hostile page can make a browser on this machine speak to 127.0.0.1. It cannot choose the Host header, which is
the page's own name, and cannot leave out Origin on anything that changes state.
"""

from __future__ import annotations

from collections.abc import Iterable

# A page on another port of this host is "same-site", and no friend.
_OWN_SITES = frozenset({"none", "same-origin"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class HostGuard:
    """Knows the names this server goes by. Any port is fine: a tunnel may have given it another."""

    def __init__(self, names: Iterable[str] = LOOPBACK_NAMES) -> None:
        self._names = frozenset(name.lower() for name in names)

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server, as `name:port`."""
        name, separator, port = host.rpartition(":")
        return bool(separator) and name.lower() in self._names and is_port(port)

    def admits(self, host: str, origin: str | None, site: str | None = None) -> bool:
        """Whether a request to `host` comes from no page, or from a page of this server.

        By its Origin header, and by Sec-Fetch-Site, which browsers also send with what has no Origin.
        """
        if site is not None and site.lower() not in _OWN_SITES:
            return False
        return origin is None or origin.lower() in (
            f"http://{host}".lower(),
            f"https://{host}".lower(),
        )


def is_port(text: str) -> bool:
    """Whether the text is a port number in plain decimal digits."""
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


def is_loopback(host: str) -> bool:
    """Whether listening on this address leaves the machine's door shut to others."""
    return host in ("localhost", "::1") or (host.startswith("127.") and _is_ipv4(host))


def _is_ipv4(host: str) -> bool:
    parts = host.split(".")
    return len(parts) == 4 and all(
        part.isascii() and part.isdigit() and len(part) <= 3 and int(part) < 256 for part in parts
    )
