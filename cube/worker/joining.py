"""Joining a cluster: the manager is known by the pin in the token before the token's secret leaves this machine."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cube.client.transport import Address, Transport
from cube.client.trust import pinned_root
from cube.errors import CubeError, NotAllowed
from cube.model.ids import NodeId
from cube.security.join import JoinSecret
from cube.wire.codec import decode_view
from cube.wire.membership import Certified, JoinRequest
from cube.wire.routes import JOIN
from cube.worker.credentials import Credentials, Joined


def join(
    credentials: Credentials,
    host: str,
    port: int,
    token: JoinSecret,
    node_id: NodeId,
    now: Callable[[], float],
) -> Joined:
    """Get a certificate for this worker's key and keep it; the same key and token may ask again.

    First the roots are asked for and the pinned one is picked. Then a connection is made that trusts that one only,
    and the secret is sent on it, after its handshake showed that the manager's certificate is signed by that root.
    NotAllowed, before anything secret is sent, when somebody else answers.
    """
    from cube.security.authority import make_request

    root, apart = pinned_root(host, port, token.pin)
    asked = JoinRequest(
        id=token.id,
        secret=token.secret,
        request=make_request(credentials.key()),
        node_id=node_id,
    )
    try:
        with Transport(Address(host, port, tls=True, ca=root)) as manager:
            reply = manager.change("POST", JOIN, msgspec.json.encode(asked))
    except NotAllowed as error:
        if apart:
            raise NotAllowed(f"{error.message} ({apart})", hint="set the clock right") from error
        raise
    joined = credentials.keep(host, port, decode_view(reply.body, Certified), token.id)
    if joined.node_id != node_id:
        raise CubeError(f"the manager let another node in: {joined.node_id} instead of {node_id}")
    _check_clock(joined, apart, now())
    return joined


def has_joined(joined: Joined | None, host: str, port: int, token: JoinSecret, now: float) -> bool:
    """Whether the worker has joined that manager by this very token, with a certificate that is good still.

    A new token is used: the manager may be another one, or may have forgotten this worker.
    """
    return (
        joined is not None
        and (joined.host, joined.port, joined.token_id) == (host, port, token.id)
        and joined.expires > now
    )


def _check_clock(joined: Joined, apart: str, now: float) -> None:
    if apart and now >= joined.expires:
        raise CubeError(f"the certificate is not valid here: {apart}", hint="set the clock right")
