"""How a new root takes the place of the old one without a moment in which two machines do not trust each other.

    announcing  the new root is trusted beside the old, which goes on signing      until all trust it
    reissuing   the new root signs, the old one is trusted still                   until all hold its certificates
    quiet       one root

Nobody is forgotten on the way: a step is taken once each worker with a valid certificate has acknowledged it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from cube.model.ids import NodeId
from cube.model.membership import Credential


class Stage(StrEnum):
    """How far a rotation is."""

    QUIET = "quiet"
    ANNOUNCING = "announcing"
    REISSUING = "reissuing"


class Acknowledged(msgspec.Struct, frozen=True):
    """What a worker said: the roots it trusts, and the one that signed the certificate it holds; by fingerprint."""

    trusts: frozenset[str] = frozenset()
    holds: str = ""


def missing(
    stage: Stage,
    root: str,
    credentials: Iterable[Credential],
    said: Mapping[NodeId, Acknowledged],
    now_ms: int,
) -> list[NodeId]:
    """Return the nodes that this stage waits for. `root` is the new one. One without a valid certificate is not
    waited for: it needs a token anyway."""
    if stage is Stage.QUIET:
        return []
    return [
        one.node_id
        for one in credentials
        if one.expires_ms > now_ms and not _done(stage, root, said.get(one.node_id))
    ]


def _done(stage: Stage, root: str, said: Acknowledged | None) -> bool:
    if said is None:
        return False
    return root in said.trusts if stage is Stage.ANNOUNCING else said.holds == root
