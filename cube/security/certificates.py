"""Certificates of one cluster: what is in them, and who shows one.

A worker is who the URI in its certificate says: `cube://<cluster>/worker/<node id>`. Nothing else in it is trusted,
and nothing of what a worker asks for is copied into it but its public key.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import Any

from cube.model.ids import NodeId
from cube.model.role import Role
from cube.security.principal import Principal, Proof

ERA_SHIFT = 64  # a serial number: the era above, 64 random bits below
_IDENTITY = re.compile(r"cube://([A-Za-z0-9._-]{1,127})/worker/([A-Za-z0-9._-]{1,127})")


def worker_identity(cluster_id: str, node_id: NodeId) -> str:
    """Return the name of a worker in its certificate."""
    return f"cube://{cluster_id}/worker/{node_id}"


def manager_identity(cluster_id: str) -> str:
    """Return the name of the manager in its certificate."""
    return f"cube://{cluster_id}/manager"


def principal_of(ssl_object: ssl.SSLObject | ssl.SSLSocket) -> Principal | None:
    """Return the worker at the other end; None when it showed no certificate, or one that is no worker's.

    The chain was verified in the handshake. Whether the certificate was revoked since is for the manager to say.
    """
    shown: Mapping[str, Any] | None = ssl_object.getpeercert()
    names = [value for kind, value in (shown or {}).get("subjectAltName", ()) if kind == "URI"]
    found = _IDENTITY.fullmatch(names[0]) if len(names) == 1 else None
    if found is None:
        return None
    return worker_principal(NodeId(found[2]))


def worker_principal(node_id: NodeId) -> Principal:
    """Return the worker of this node as a caller."""
    return Principal(Proof.CERTIFICATE, node_id, node_id, frozenset({Role.WORKER}), node_id)


def era_of(ssl_object: ssl.SSLObject | ssl.SSLSocket) -> int:
    """Return the era in which the shown certificate was issued; 0 without one."""
    shown: Mapping[str, Any] | None = ssl_object.getpeercert()
    return int((shown or {}).get("serialNumber", "0"), 16) >> ERA_SHIFT
