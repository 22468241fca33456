"""TLS as cube speaks it: 1.3 only, the cluster's own roots only, and failures told in words."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

BUFFER_BYTES = 16 * 1024  # one TLS record

# X509_V_ERR_*, of OpenSSL's x509_vfy.h
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_ISSUER = frozenset({18, 19, 20, 21, 7})
_OTHER_NAME = frozenset({62, 64})


def small_buffers() -> None:
    """Have asyncio keep 16 KiB for each TLS connection, not 256: ten thousand idle ones took 2.8 GB.

    Before listening. The attribute has no public name; a test tells when it is gone.
    """
    from asyncio.sslproto import SSLProtocol  # 40 ms that a command need not pay

    SSLProtocol.max_size = BUFFER_BYTES


def server_context(own: Path, bundle: str) -> ssl.SSLContext:
    """Return the manager's side. `own` has its certificate and key. A client need not show a certificate; one that
    does must show a good one, or the handshake fails."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = 0  # each connection is verified anew
    context.load_cert_chain(own)
    return _trusting(context, bundle)


def client_context(bundle: str, own: Path | None = None) -> ssl.SSLContext:
    """Return a client's side, which trusts these roots and nothing else. `own`: its certificate and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if own is not None:
        context.load_cert_chain(own)
    return _trusting(context, bundle)


def asking_context() -> ssl.SSLContext:
    """Return a context that trusts anybody: only to ask for the roots, which are then compared with a pin."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _trusting(context: ssl.SSLContext, bundle: str) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # Python 3.13's default, and not 3.11's
    context.load_verify_locations(cadata=bundle)
    return context


def in_words(error: ssl.SSLError, host: str) -> str:
    """Return what went wrong in a handshake with the manager, and whose fault that is."""
    code = getattr(error, "verify_code", 0)
    if code == _NOT_YET_VALID:
        return "the manager's certificate is not valid yet: this machine's clock is behind the manager's"
    if code == _EXPIRED:
        return (
            "the manager's certificate has expired by this machine's clock, which is likely ahead"
        )
    if code in _UNKNOWN_ISSUER:
        return (
            "another authority signed the certificate: it is another cluster, or its CA was rotated"
        )
    if code in _OTHER_NAME:
        return f"the manager's certificate is not for {host}; start it with --advertise {host}"
    reason = (error.reason or "").upper()
    for word, meaning in _ALERTS.items():
        if word in reason:
            return meaning
    return f"TLS: {error.reason or error}".lower()


_ALERTS = {
    "CERTIFICATE_EXPIRED": "the manager says that this worker's certificate has expired: join again with a token",
    "UNKNOWN_CA": "the manager does not trust the authority of this worker's certificate: join again with a token",
    "BAD_CERTIFICATE": "the manager does not accept this worker's certificate: join again with a token",
    "CERTIFICATE_REVOKED": "this worker's certificate was revoked",
    "WRONG_VERSION_NUMBER": "no TLS is spoken there: is it the port of a manager?",
}


def clocks_apart(here_s: float, there_s: float) -> str:
    """Return how far this machine's clock is from the manager's, in words; empty when that is little."""
    apart = timedelta(seconds=round(here_s - there_s))
    if abs(apart) < timedelta(minutes=2):
        return ""
    way = "ahead of" if apart > timedelta(0) else "behind"
    return f"this machine's clock is {_span(abs(apart))} {way} the manager's"


def _span(time: timedelta) -> str:
    minutes = round(time.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{round(minutes / 60)} h" if minutes < 48 * 60 else f"{round(minutes / 1440)} days"
