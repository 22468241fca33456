"""What a worker joined with: its key, its certificate, the roots it trusts. In its data directory, for its user only.

tls/key.pem          made here, and never sent anywhere
tls/certificate.pem  key and certificate, as TLS wants them
tls/joined.json      the roots, the manager's address, and when the certificate was issued and ends
"""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec

from cube.errors import CubeError
from cube.security.keyfiles import private_directory, read_private, write_private
from cube.security.tls import client_context
from cube.wire.membership import Certified

KEY_FILE, CERTIFICATE_FILE, JOINED_FILE = "key.pem", "certificate.pem", "joined.json"


class Joined(msgspec.Struct, frozen=True):
    """Where the worker belongs, and its certificate's time. Times in seconds since 1970."""

    host: str
    port: int
    cluster_id: str
    node_id: str
    roots: str
    issued: float
    expires: float
    token_id: str = ""  # it joined by


class Credentials:
    """The credentials in one worker's data directory."""

    def __init__(self, data: Path) -> None:
        self._directory = data / "tls"
        self._context: ssl.SSLContext | None = None

    def key(self) -> bytes:
        """Return the worker's key in PEM; made where there is none yet."""
        private_directory(self._directory)
        key = read_private(self._directory / KEY_FILE)
        if key is None:
            from cube.security.authority import make_key

            key = make_key()
            write_private(self._directory / KEY_FILE, key)
        return key

    def joined(self) -> Joined | None:
        """Return where the worker belongs; None before it has joined. CubeError when its files cannot be used."""
        data = read_private(self._directory / JOINED_FILE)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=Joined)
        except msgspec.MsgspecError as error:
            raise CubeError(
                f"{self._directory / JOINED_FILE} cannot be read: {error}",
                hint="join again with a token: the worker stays the same node",
            ) from error

    def keep(self, host: str, port: int, certified: Certified, token_id: str) -> Joined:
        """Keep a certificate that was issued, and use it from now on."""
        from cube.security.pins import validity

        issued, end = validity(certified.certificate)
        joined = Joined(
            host=host,
            port=port,
            cluster_id=certified.cluster_id,
            node_id=certified.node_id,
            roots=certified.roots,
            issued=issued.timestamp(),
            expires=end.timestamp(),
            token_id=token_id,
        )
        both = self.key() + certified.certificate.encode()
        write_private(self._directory / CERTIFICATE_FILE, both)
        write_private(self._directory / JOINED_FILE, msgspec.json.encode(joined))
        self._context = None
        return joined

    def certificate(self) -> str:
        """Return the certificate in PEM; empty before the worker has joined."""
        data = read_private(self._directory / CERTIFICATE_FILE)
        text = (data or b"").decode("ascii", "replace")
        return text[text.find("-----BEGIN CERTIFICATE") :] if data else ""

    def context(self) -> ssl.SSLContext:
        """Return what new connections to the manager show and trust."""
        if self._context is None:
            joined = self.joined()
            if joined is None:
                raise CubeError(
                    "this worker has not joined a cluster yet",
                    hint="cube worker start --join HOST:PORT --token ...",
                )
            self._context = client_context(joined.roots, self._directory / CERTIFICATE_FILE)
        return self._context
