"""Who is calling, once that is proven; and how a proof names itself in logs and in the audit."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cube.model.ids import NodeId
from cube.model.role import Role, may


class Proof(StrEnum):
    """How the caller proved who it is."""

    UNIX = "unix"  # the kernel named the user at the other end of a connection on this machine
    TOKEN = "token"  # it showed a token that is on record
    CERTIFICATE = "certificate"  # it holds the key of a certificate of this cluster


class Principal(msgspec.Struct, frozen=True):
    """A caller with a proven identity.

    `id` is stable and unique among the callers of one proof: the user's number, the token's id, the node's id. Limits
    and revocations go by `key`; `name` is for people. `node_id` is set for workers, and only there.
    """

    proof: Proof
    id: str
    name: str
    roles: frozenset[Role]
    node_id: NodeId | None = None

    @property
    def key(self) -> str:
        """What limits, open streams and revocations are counted by: `token:7f3a`."""
        return f"{self.proof}:{self.id}"

    def may(self, role: Role) -> bool:
        """Whether it may do what asks for this role."""
        return may(self.roles, role)
