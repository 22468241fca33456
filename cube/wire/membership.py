"""What is said of joining, certificates and the cluster's roots, as JSON."""

from __future__ import annotations

from datetime import datetime

import msgspec


class RootsView(msgspec.Struct, frozen=True):
    """The certificates of the cluster's roots, in PEM. Whoever asks compares them with the pin it was given."""

    roots: str


class JoinRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A worker asks to be let in: the id and the secret of its token, a signing request, and who it would be."""

    id: str
    secret: str
    request: str
    node_id: str

    def __repr__(self) -> str:
        return f"JoinRequest({self.id!r}, node_id={self.node_id!r}, ...)"


class CertificateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A worker asks for a new certificate, and says what it has: which roots it trusts, whose certificate it holds."""

    request: str
    trusts: list[str] = []
    holds: str = ""


class Certified(msgspec.Struct, frozen=True):
    """A worker's certificate and the roots to be trusted, in PEM; who it is."""

    certificate: str
    roots: str
    cluster_id: str
    node_id: str


class JoinTokenWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A join token to be made. An hour and one machine unless said otherwise."""

    ttl_ms: int = 3_600_000
    uses: int = 1
    node: str = ""


class JoinTokenView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A join token. `token` is told once, when it is made; `join` is the worker's command line without it."""

    id: str
    made_at: datetime
    expires_at: datetime
    uses: int
    left: int
    node_id: str | None = None
    token: str = ""
    join: str = ""

    def __repr__(self) -> str:
        return f"JoinTokenView({self.id!r}, ...)"


class RotationView(msgspec.Struct, frozen=True):
    """The cluster's root, and how far a rotation of it is: `missing` are the names of the nodes it waits for."""

    pin: str
    expires_at: datetime
    stage: str
    missing: list[str] = []
