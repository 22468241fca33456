"""What lets a machine into the cluster: tokens to join with, and what is known of each worker's certificate."""

from __future__ import annotations

import msgspec

from cube.model.ids import NodeId

FIRST_ERA = 1


class JoinToken(msgspec.Struct, frozen=True, kw_only=True):
    """A right to join, for a while and for so many machines. Of its secret only the hash is kept.

    `keys` are the fingerprints of the keys that were let in by it: the same one may ask again and uses nothing up.
    `node_id`: only for this node, whatever key it had before.
    """

    id: str
    secret_hash: str  # SHA-256, in hex
    made_ms: int
    expires_ms: int
    uses: int = 1
    keys: tuple[str, ...] = ()
    node_id: NodeId | None = None

    @property
    def left(self) -> int:
        """How many more keys it lets in."""
        return max(0, self.uses - len(self.keys))


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a worker's certificates: all of them are for one key.

    Each certificate carries the `era` it was issued in. Revoking begins a new one, and those of former eras are
    denied; so nothing needs to be kept of single certificates. `expires_ms` is that of the newest, 0: it has none.
    """

    node_id: NodeId
    key: str  # SHA-256 of the public key, in hex
    era: int = FIRST_ERA
    expires_ms: int = 0

    def denies(self, era: int) -> bool:
        """Whether a certificate of that era was revoked."""
        return era < self.era
