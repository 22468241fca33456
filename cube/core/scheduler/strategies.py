"""The strategies by the names users write. A new one is a file beside these and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cube.core.scheduler.binpack import binpack
from cube.core.scheduler.epvm import epvm
from cube.core.scheduler.fit import fit
from cube.core.scheduler.round_robin import round_robin
from cube.core.scheduler.spread import spread
from cube.core.scheduler.strategy import Strategy

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        "fit": fit,
        "spread": spread,
        "binpack": binpack,
        "round-robin": round_robin,
        "epvm": epvm,
    }
)
