"""Where a worker dials, and in words why nobody is there or it is not let in."""

from __future__ import annotations

import asyncio
import os
import ssl

import aiohttp
from yarl import URL

from cube.security import tls
from cube.wire import routes

KNOCK_SECONDS = 1.0  # as long as TCP waits before it sends its first packet again
_DENIED = frozenset({401, 403})
_HTTP = {"ws": "http", "wss": "https"}


def session_url(host: str, port: int, *, tls: bool = False) -> str:
    """Return where a manager takes workers in."""
    scheme = "wss" if tls else "ws"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{routes.SESSION}"


def health_url(session: str) -> URL:
    """Return where the same manager tells whether it works."""
    url = URL(session)
    return url.with_scheme(_HTTP[url.scheme]).with_path(routes.HEALTHZ)


async def knock(http: aiohttp.ClientSession, session: str, tls: ssl.SSLContext | bool) -> bool:
    """Whether the manager answers on a connection of its own. Takes a while when it does not."""
    try:
        async with asyncio.timeout(KNOCK_SECONDS):
            async with http.get(health_url(session), headers={"Connection": "close"}, ssl=tls):
                return True
    except TimeoutError:
        return False
    except (aiohttp.ClientError, OSError):
        await asyncio.sleep(KNOCK_SECONDS)  # nobody there: the session will find out
        return False


_HUNG_UP = (
    "the manager hung up; where it goes on doing that it does not accept this worker's certificate any more, "
    "which has expired or is by a former root: join again with a token"
)


def is_denial(error: Exception) -> bool:
    """Whether the manager was reached and does not let this worker in: only a person can change that."""
    return isinstance(error, aiohttp.WSServerHandshakeError) and error.status in _DENIED


def in_words(error: Exception, url: str) -> str:
    """Return what went wrong with a connection to the manager at this address."""
    # In TLS 1.3 a client is told that its certificate is no good when it thinks that the handshake is over.
    if _is_tls(url) and isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError):
        return _HUNG_UP
    if isinstance(error, aiohttp.WSServerHandshakeError):
        if not is_denial(error):
            return f"the manager answers {error.status}"
        if _is_tls(url):
            return (
                "the manager denies this worker's certificate; with a new token it can join again"
            )
        return "the manager does not know this worker's user: run it as root or as the manager's own user"
    cause: Exception = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    if isinstance(cause, ssl.SSLError):
        host = getattr(error, "host", None)
        return tls.in_words(cause, host or "that address")
    number = cause.errno if isinstance(cause, OSError) else None
    if number is not None and number > 0:  # asyncio's own words name no reason
        return os.strerror(number).lower()
    return str(cause) or type(cause).__name__


def _is_tls(url: str) -> bool:
    return url.startswith(("wss:", "https:"))
