"""Coming to trust a manager by a pin: its roots are asked for, and count only if the pinned one is among them.

What is sent to ask is no secret. Everything else goes over connections that were verified in their handshake.
"""

from __future__ import annotations

import http.client
import ssl
import time
from email.utils import parsedate_to_datetime

import msgspec

from cube.errors import ManagerAway, PeerFault
from cube.security.tls import asking_context, clocks_apart, in_words
from cube.wire.membership import RootsView
from cube.wire.routes import ROOTS

CONNECT_SECONDS = 5.0
MOST_BYTES = 64 * 1024


def pinned_root(host: str, port: int, pin: str) -> tuple[str, str]:
    """Return the root with this pin, in PEM, and how far the clocks are apart, in words.

    NotAllowed when whoever answers does not have it; ManagerAway when nobody does.
    """
    from cube.security.pins import pinned  # cryptography takes 0.1 s to import

    where = f"{host}:{port}"
    connection = http.client.HTTPSConnection(
        host, port, timeout=CONNECT_SECONDS, context=asking_context()
    )
    try:
        connection.request("GET", ROOTS, headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(MOST_BYTES)
        date = answer.getheader("Date", "")
    except ssl.SSLError as error:
        raise PeerFault(f"{where}: {in_words(error, host)}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ManagerAway(
            f"no manager answers at {where} ({reason.lower()})",
            hint="is that its address, and was it started with --host?",
        ) from error
    finally:
        connection.close()
    try:
        roots = msgspec.json.decode(body, type=RootsView).roots
    except msgspec.MsgspecError as error:
        raise PeerFault(f"{where} answers, and is no cube manager with TLS") from error
    return pinned(roots, pin), _apart(date)


def _apart(date: str) -> str:
    try:
        return clocks_apart(time.time(), parsedate_to_datetime(date).timestamp())
    except ValueError:
        return ""
