"""Who may join, and as which node. The manager decides that; what a signing request says of itself is not asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hmac import compare_digest

import msgspec
from msgspec.structs import replace

from cube.model.ids import NodeId
from cube.model.membership import FIRST_ERA, Credential, JoinToken

MOST_USES = 1000
LONGEST_TTL = 30 * 24 * 3600.0  # seconds; a right to join is not to lie about for ever


class Denied(msgspec.Struct, frozen=True):
    """The machine is not let in, and what would help."""

    reason: str
    hint: str = "`cube join-token create` on the manager makes a new one"


UNKNOWN = Denied("this is no join token of this cluster; it may have been removed")


def redeem(token: JoinToken | None, secret_hash: str, key: str, now_ms: int) -> JoinToken | Denied:
    """Return the token as it stands after this key used it. The same key may use it again, in its time.

    Why it is not good any more is told to those only who know its secret.
    """
    if token is None or not compare_digest(token.secret_hash, secret_hash):
        return UNKNOWN
    if now_ms >= token.expires_ms:
        return Denied(f"the join token expired {_ago(now_ms - token.expires_ms)} ago")
    if key in token.keys:
        return token
    if not token.left:
        return Denied("the join token is used up")
    return replace(token, keys=(*token.keys, key))


def node_for(
    key: str,
    wanted: NodeId,
    token: JoinToken,
    credentials: Mapping[NodeId, Credential],
    known: Collection[NodeId],
) -> NodeId | Denied:
    """Return as which node a key is let in: as the one it was before, else as the one it asks to be, if that is free.

    A node that is there already, under another key or none, is given away only by a token made for it.
    """
    if token.node_id is not None and token.node_id != wanted:
        return Denied(f"the join token is for node {token.node_id}, and this is {wanted}")
    before = next((one.node_id for one in credentials.values() if one.key == key), None)
    if before is not None and before != wanted:
        return Denied(
            f"the key of this worker is that of node {before}, and its data says {wanted}",
            hint="give it a data directory of its own",
        )
    free = wanted not in credentials and wanted not in known
    if before == wanted or free or token.node_id == wanted:
        return wanted
    return Denied(
        f"there is a node {wanted} already, with another key or none",
        hint=f"if this is that machine: `cube join-token create --node {wanted}`",
    )


def let_in(before: Credential | None, node_id: NodeId, key: str, expires_ms: int) -> Credential:
    """Return what is known of the node once a certificate for this key is issued. Another key denies those before."""
    if before is None:
        return Credential(node_id=node_id, key=key, expires_ms=expires_ms)
    era = before.era if before.key == key else before.era + 1
    return replace(before, key=key, era=era, expires_ms=expires_ms)


def revoked(before: Credential | None, node_id: NodeId) -> Credential:
    """Return what is known of a node all of whose certificates are denied from now on."""
    if before is None:
        return Credential(node_id=node_id, key="", era=FIRST_ERA + 1)
    return replace(before, era=before.era + 1, expires_ms=0)


def _ago(milliseconds: int) -> str:
    minutes = milliseconds // 60_000
    if not minutes:
        return f"{milliseconds // 1000} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
