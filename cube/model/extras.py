"""Extras: countable things a machine has beside cpu, memory and disk, such as GPUs.

A node has whole devices of a kind, numbered from 0. A replica takes thousandths of them: less than one device is a part
of one, more is a number of devices that nobody else has a part of.
"""

from __future__ import annotations

import msgspec

DEVICE = 1000
"""Thousandths in a whole device."""

MAX_DEVICES = 64
"""Of one kind, on one machine."""


class Share(msgspec.Struct, frozen=True, gc=False):
    """What an allocation holds of one device."""

    extra: str
    device: int
    millis: int


def env_of(devices: tuple[Share, ...]) -> dict[str, str]:
    """Return how a container is told its devices: `CUBE_EXTRA_GPU=0,3`, and its part of one where it has a part.

    The part is told in `CUBE_EXTRA_GPU_SHARE=0.5`; nothing of cube holds the program to it.
    """
    env: dict[str, str] = {}
    for share in devices:
        name = f"CUBE_EXTRA_{share.extra.upper().replace('-', '_')}"
        env[name] = f"{env[name]},{share.device}" if name in env else str(share.device)
        if share.millis < DEVICE:
            env[f"{name}_SHARE"] = f"{share.millis / DEVICE:g}"
    return env
