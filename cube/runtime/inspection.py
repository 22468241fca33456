"""What an engine says of itself, for a person who wonders whether it will do."""

from __future__ import annotations

import msgspec

from cube.runtime.engine import Engine
from cube.runtime.failures import Asked, Verb

INSPECTION_SECONDS = 5.0


class EngineReport(msgspec.Struct, frozen=True, rename="pascal"):
    """The part of the engine's info answer that decides whether containers will run well."""

    server_version: str = ""
    driver: str = ""  # of storage: "overlay2"
    cgroup_driver: str = ""
    cgroup_version: str = "1"  # engines before 20.10 do not say
    docker_root_dir: str = ""
    warnings: tuple[str, ...] | None = None


async def inspect_engine(url: str = "") -> tuple[str, EngineReport]:
    """Return the address that was asked, and its answer. RuntimeFailure when there is none in five seconds."""
    engine = Engine(url)
    try:
        asked = Asked(Verb.FACTS)
        report = await engine.ask_for(EngineReport, asked, "info", INSPECTION_SECONDS)
    finally:
        await engine.close()
    return engine.url, report
