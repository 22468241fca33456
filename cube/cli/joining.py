"""The part of `cube worker start` that joins a manager on another machine."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from cube.cli.output import note
from cube.client.transport import Address
from cube.errors import InvalidInput, Objection
from cube.security.join import JoinSecret, read_token


def joined_manager(host: str, port: int, token: str, data: Path) -> Address:
    """Return where the worker dials, after it has joined. A token that it joined by before is left alone while
    its certificate is good: a service may be started with the same line for ever."""
    from cube.worker.credentials import Credentials
    from cube.worker.identity import Identity
    from cube.worker.joining import has_joined, join

    credentials = Credentials(data)
    before = credentials.joined()
    secret = _secret(token)
    if secret is None:
        if before is None or (before.host, before.port) != (host, port):
            raise InvalidInput(
                (Objection("--token", f"is needed to join {host}:{port} the first time"),),
                hint="`cube join-token create` on the manager's machine prints the whole line",
            )
        return Address(host, port, tls=True)
    if not has_joined(before, host, port, secret, time.time()):
        identity = Identity(data)
        try:
            joined = join(credentials, host, port, secret, identity.node_id, time.time)
        finally:
            identity.close()
        note(f"joined cluster {joined.cluster_id} as node {joined.node_id}")
    return Address(host, port, tls=True)


def _secret(token: str) -> JoinSecret | None:
    text = sys.stdin.readline().strip() if token == "-" else token
    return read_token(text) if text else None
