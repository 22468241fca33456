"""Ending a container: its signal, the grace, and the kill after that. All may be asked again."""

from __future__ import annotations

from cube.model.allocation import FailureKind
from cube.runtime.contract import RuntimeFailure
from cube.runtime.engine import Engine, container_path
from cube.runtime.failures import Asked, Refused, Verb

STOP_EXTRA_SECONDS = 20.0  # after the grace; the engine itself gives a kill up after 14
STEP_SECONDS = 30.0  # create, start, inspect, remove


async def post(
    engine: Engine,
    verb: Verb,
    container_id: str,
    action: str,
    *,
    params: dict[str, str] | None = None,
    harmless: tuple[int, ...] = (),
) -> None:
    """Ask for an action on the container. What the engine refuses with a `harmless` status counts as done."""
    path = container_path(container_id, action)
    try:
        await engine.ask(Asked(verb, container_id), "POST", path, STEP_SECONDS, params=params)
    except Refused as refused:
        if refused.status not in harmless:
            raise


async def end(
    engine: Engine,
    container_id: str,
    stop_signal: str,
    signal: str,
    grace_ms: int,
    *,
    paused: bool,
) -> None:
    """Have it end by the signal (empty: its own, `stop_signal`), killed after the grace.

    One that is paused goes on first: it could not obey.
    """
    if paused:
        await post(engine, Verb.STOP, container_id, "unpause", harmless=(409, 500))
    if signal in ("", stop_signal):
        await _stop(engine, container_id, grace_ms)
    else:
        await _signal(engine, container_id, signal, grace_ms)


async def _stop(engine: Engine, container_id: str, grace_ms: int) -> None:
    """Stop it with the signal it was created with."""
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
    ended = (409,)  # it was not running any more
    await post(engine, Verb.STOP, container_id, "kill", params={"signal": signal}, harmless=ended)
    try:
        await wait(engine, container_id, "not-running", grace_ms / 1000)
    except RuntimeFailure as failure:
        if failure.kind is not FailureKind.ENGINE_SLOW:
            raise
        await post(engine, Verb.STOP, container_id, "kill", harmless=ended)
        await wait(engine, container_id, "not-running", STOP_EXTRA_SECONDS)


async def wait(engine: Engine, container_id: str, condition: str, seconds: float) -> None:
    """Wait until the engine says that it is `not-running` or `removed`; gone is both. ENGINE_SLOW after `seconds`."""
    path = container_path(container_id, "wait")
    asked = Asked(Verb.STOP, container_id)
    try:
        await engine.ask(
            asked, "POST", path, seconds, params={"condition": condition}, lasting=True
        )
    except Refused as refused:
        if refused.status != 404:
            raise
