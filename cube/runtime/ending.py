"""Acts on one container that answer with nothing: start it, signal it, and wait for its end."""

from __future__ import annotations

from cube.model.allocation import FailureKind
from cube.runtime.contract import RuntimeFailure
from cube.runtime.engine import Engine, container_path
from cube.runtime.failures import Asked, Refused, Verb

STEP_SECONDS = 30.0  # create, start, inspect, remove
STOP_EXTRA_SECONDS = 20.0  # after the grace; the engine itself gives a kill up after 14
_ENDED = (409,)  # it was not running any more


async def post(
    engine: Engine,
    verb: Verb,
    container_id: str,
    action: str,
    *,
    params: dict[str, str] | None = None,
    harmless: tuple[int, ...] = (),
) -> None:
    """Ask for the action on the container. Answers of a `harmless` status are no failure."""
    path = container_path(container_id, action)
    try:
        await engine.ask(Asked(verb, container_id), "POST", path, STEP_SECONDS, params=params)
    except Refused as refused:
        if refused.status not in harmless:
            raise


async def resume(engine: Engine, container_id: str) -> None:
    """Let a paused container go on, so that it can hear a signal."""
    await post(engine, Verb.STOP, container_id, "unpause", harmless=(409, 500))


async def end(engine: Engine, container_id: str, signal: str, grace_ms: int) -> None:
    """Signal it (empty: as it was made to be stopped), and kill it after the grace."""
    if not signal:
        await _stop(engine, container_id, grace_ms)
    else:
        await _signal(engine, container_id, signal, grace_ms)


async def _stop(engine: Engine, container_id: str, grace_ms: int) -> None:
    await engine.ask(
        Asked(Verb.STOP, container_id),
        "POST",
        container_path(container_id, "stop"),
        grace_ms / 1000 + STOP_EXTRA_SECONDS,
        params={"t": str(-(-grace_ms // 1000))},  # whole seconds, rounded up
        lasting=True,
    )


async def _signal(engine: Engine, container_id: str, signal: str, grace_ms: int) -> None:
    """Stop it with another signal: the tested API version's stop cannot be told one."""
    await post(engine, Verb.STOP, container_id, "kill", params={"signal": signal}, harmless=_ENDED)
    try:
        await wait(engine, container_id, "not-running", grace_ms / 1000)
    except RuntimeFailure as failure:
        if failure.kind is not FailureKind.ENGINE_SLOW:
            raise
        await post(engine, Verb.STOP, container_id, "kill", harmless=_ENDED)
        await wait(engine, container_id, "not-running", STOP_EXTRA_SECONDS)


async def wait(engine: Engine, container_id: str, condition: str, seconds: float) -> None:
    """Return when the container has come to that. One that is not there has come to anything."""
    path = container_path(container_id, "wait")
    asked = Asked(Verb.STOP, container_id)
    try:
        await engine.ask(
            asked, "POST", path, seconds, params={"condition": condition}, lasting=True
        )
    except Refused as refused:
        if refused.status != 404:
            raise
