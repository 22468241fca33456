"""By what names others reach the manager: what the operator said, and nothing that a client asked for."""

from __future__ import annotations

import re

from cube.errors import CubeError
from cube.settings import ManagerSettings

WILDCARDS = frozenset({"", "0.0.0.0", "::"})
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")


def names_of(settings: ManagerSettings) -> list[str]:
    """Return the names of a manager that others reach. CubeError when none was said that they can dial."""
    names = [*settings.advertise, settings.host]
    names = list(dict.fromkeys(name for name in names if name not in WILDCARDS))
    for name in names:
        if not _NAME.fullmatch(name):
            raise CubeError(
                f"{name!r} is no name or address of a machine", hint="see --host and --advertise"
            )
    if not names:
        raise CubeError(
            f"{settings.host or 'everywhere'} is no address that a worker can dial",
            hint="add --advertise with the name or address by which workers reach this machine",
        )
    return names
