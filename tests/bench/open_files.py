"""How many files and sockets one process may have open."""

from __future__ import annotations

import resource


def allow_many() -> None:
    """Raise the soft limit of this process, and of those that it starts, to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
