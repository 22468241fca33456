"""The calls about who gets in: tokens, the audit, join tokens, certificates and their root."""

from __future__ import annotations

import msgspec

from cube.client.transport import Transport, segment, target
from cube.model.role import Role
from cube.wire.access_views import AuditCheck, AuditView, NewToken, TokenView
from cube.wire.codec import decode_view
from cube.wire.membership import JoinTokenView, JoinTokenWish, RootsView, RotationView
from cube.wire.routes import AUDIT, AUDIT_CHECK, JOIN_TOKENS, NODES, ROOTS, ROTATION, STATS, TOKENS


class AccessCalls:
    """A part of `cube.client.manager.ManagerClient`."""

    _transport: Transport

    def check_rights(self) -> None:
        """Return when the manager lets this client look at the cluster. Unauthenticated, NotAllowed."""
        self._transport.read(STATS)

    def tokens(self) -> list[TokenView]:
        """What is on record of all tokens, oldest first."""
        return decode_view(self._transport.read(TOKENS).body, list[TokenView])

    def create_token(self, name: str, role: Role, ttl_ms: int) -> NewToken:
        """Make a token. Sent once only: a second try would make a second one."""
        body = msgspec.json.encode({"name": name, "role": role, "ttl_ms": ttl_ms})
        return decode_view(self._transport.change_once("POST", TOKENS, body).body, NewToken)

    def remove_token(self, ref: str) -> None:
        """Revoke a token, by its id or its name."""
        self._transport.change_once("DELETE", f"{TOKENS}/{segment(ref)}")

    def audit(self, *, limit: int) -> list[AuditView]:
        """The newest entries of the audit, oldest first."""
        return decode_view(self._transport.read(AUDIT, {"limit": limit}).body, list[AuditView])

    def check_audit(self) -> AuditCheck:
        """Whether the chain of the audit is whole."""
        return decode_view(self._transport.read(AUDIT_CHECK).body, AuditCheck)

    def make_join_token(self, *, ttl: float, uses: int, node: str = "") -> JoinTokenView:
        """A right to join, for so many seconds and machines; its secret is told this once."""
        wish = JoinTokenWish(ttl_ms=round(ttl * 1000), uses=uses, node=node)
        reply = self._transport.change_once("POST", JOIN_TOKENS, msgspec.json.encode(wish))
        return decode_view(reply.body, JoinTokenView)

    def join_tokens(self) -> list[JoinTokenView]:
        """The join tokens there are."""
        return decode_view(self._transport.read(JOIN_TOKENS).body, list[JoinTokenView])

    def remove_join_token(self, id: str) -> None:
        """Make a join token worthless."""
        self._transport.change_once("DELETE", f"{JOIN_TOKENS}/{segment(id)}")

    def revoke_node(self, ref: str) -> None:
        """Deny the certificates of a node's worker and cut its connections."""
        self._transport.change("POST", f"{NODES[0]}/{segment(ref)}/revoke")

    def roots(self) -> str:
        """The certificates of the cluster's roots, in PEM."""
        return decode_view(self._transport.read(ROOTS).body, RootsView).roots

    def rotation(self) -> RotationView:
        """The root that signs, and how far a rotation of it is."""
        return decode_view(self._transport.read(ROTATION).body, RotationView)

    def rotate(self, *, finish: bool = False) -> RotationView:
        """Begin a rotation of the root, or end one without the nodes that it waits for."""
        path = target(ROTATION, {"finish": 1 if finish else None})
        return decode_view(self._transport.change("POST", path).body, RotationView)
