"""Who is at the other end of a connection, as far as the connection itself proves it."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Callable

from cube.model.role import Role
from cube.security.peer import user_of_peer
from cube.security.principal import Principal, Proof

ROOT = 0
Recognise = Callable[[asyncio.BaseTransport], Principal | None]


def user_of_this_machine(transport: asyncio.BaseTransport) -> Principal | None:
    """Return root or the manager's own user at the other end of a connection on this machine. None for all others.

    Who is root here can read the ledger and its keys, and whoever runs the manager owns them: both may do everything,
    and may be the workers of this machine. Any other user needs a token.
    """
    peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    if not peer or not own or transport.get_extra_info("ssl_object") is not None:
        return None
    user = user_of_peer(peer[:2], own[:2])
    if user is None or user not in (ROOT, os.geteuid()):
        return None
    return Principal(Proof.UNIX, str(user), _name(user), frozenset({Role.ADMIN, Role.WORKER}))


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:  # in a container users often have no name
        return str(user)
