"""Running a command inside a container and waiting for what it says."""

from __future__ import annotations

import asyncio
import re

import msgspec

from cube.model.allocation import Failure, FailureKind
from cube.runtime.contract import CommandResult, ContainerPaused, RuntimeFailure
from cube.runtime.engine import Engine
from cube.runtime.execs import ASK_SECONDS, create_exec, exit_code
from cube.runtime.failures import Asked, Verb, slow
from cube.runtime.streams import BrokenStream, Frames

OUTPUT_LONGEST = 4 * 1024
_PAUSED = re.compile(r"[Cc]ontainer \S+ is paused")


async def run_command(
    engine: Engine, container_id: str, command: tuple[str, ...], timeout_ms: int
) -> CommandResult:
    """Run the command and return its exit code and the first 4 KiB of what it wrote.

    ContainerPaused where it is. ENGINE_SLOW after `timeout_ms`: the engine knows no way to end the command then; it
    ends with its container.
    """
    asked = Asked(Verb.COMMAND, container_id)
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            return await _run(engine, asked, command)
    except RuntimeFailure as error:
        if _PAUSED.search(error.message):
            raise ContainerPaused(error.failure) from error
        raise
    except TimeoutError as error:
        raise RuntimeFailure(slow(asked, timeout_ms / 1000)) from error
    except (BrokenStream, msgspec.DecodeError) as error:
        message = f"the engine's answer to a command is not readable: {error}"
        raise RuntimeFailure(Failure(FailureKind.ENGINE_ERROR, message)) from error


async def _run(engine: Engine, asked: Asked, command: tuple[str, ...]) -> CommandResult:
    body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True, "Tty": False}
    exec_id = await create_exec(engine, asked, body)
    output = await _output(engine, asked, exec_id)
    code = await exit_code(engine, asked, exec_id)
    return CommandResult(code, output.decode("utf-8", "replace"))


async def _output(engine: Engine, asked: Asked, exec_id: str) -> bytes:
    """Return the beginning of the output once all of it was read: a full pipe would stop the command."""
    output = bytearray()
    frames = Frames()
    body = {"Detach": False, "Tty": False}
    async with engine.open(
        asked, "POST", f"exec/{exec_id}/start", ASK_SECONDS, body=body
    ) as stream:
        while data := await stream.read(None):
            for _, content in frames.feed(data):
                output += content[: OUTPUT_LONGEST - len(output)]
    return bytes(output)
