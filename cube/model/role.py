"""What callers of the API may do. A caller has a set of roles; none of them contains another but `admin` all."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """One right. Given to people and programs by tokens, to workers by their certificates."""

    VIEWER = "viewer"  # see everything but values of environment variables and secrets
    OPERATOR = "operator"  # see, run, stop, scale, drain
    SHELL = "shell"  # see, and get into containers: exec and cp. Apart, because it is the way in
    ADMIN = "admin"  # everything people may do: tokens, nodes, certificates, secrets, backups
    WORKER = (
        "worker"  # open a session and its streams, as the node of its certificate; nothing else
    )


HUMAN = frozenset({Role.VIEWER, Role.OPERATOR, Role.SHELL, Role.ADMIN})
"""The roles that a token may carry. A worker is never a token: it proves that it has its key."""


def may(roles: frozenset[Role], wanted: Role) -> bool:
    """Whether a caller with these roles may do what asks for `wanted`."""
    match wanted:
        case Role.VIEWER:
            return not roles.isdisjoint(HUMAN)
        case Role.WORKER:
            return Role.WORKER in roles
        case _:
            return wanted in roles or Role.ADMIN in roles
