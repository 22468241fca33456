"""What a machine lets tasks have of itself. Its owner says so in a file there; no manager can change it."""

from __future__ import annotations

import msgspec

MOST_PIDS = 32_768  # far more than any honest task; a fork bomb must not fill the machine's table
LOG_BYTES, LOG_FILES = 10 * 1024 * 1024, 3  # the engine's default has no end
EVERY_IMAGE = "*"


class MountRight(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A folder of the machine that tasks may mount by this name. Its path stays on the machine."""

    name: str
    read_only: bool = False


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is allowed beyond the ordinary, as a worker tells its manager. Nothing is, unless said.

    `images` are patterns of canonical names (`core.policy`); most of 0: no limit. Hashable, for placing counts nodes by
    their policy.
    """

    privileged: bool = False
    host_network: bool = False
    devices: tuple[str, ...] = ()  # paths under /dev
    capabilities: tuple[str, ...] = ()  # beside the ordinary ones, without CAP_
    mounts: tuple[MountRight, ...] = ()
    images: tuple[str, ...] = (EVERY_IMAGE,)
    pids_most: int = MOST_PIDS
    memory_most: int = 0


class HostPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's whole policy: what it tells of it, and what only concerns how it makes containers."""

    allows: Policy = Policy()
    sources: dict[str, str] = {}  # the folder behind each named mount
    no_new_privileges: bool = True  # setuid programs gain nothing
    memory_default: int = 0  # bytes, for containers without a limit of their own; 0: none
    log_bytes: int = LOG_BYTES  # per file
    log_files: int = LOG_FILES


CLOSED = HostPolicy()
