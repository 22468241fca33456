"""The running manager against its own description: generated requests, valid and not, and every answer checked.

Everything a request is made of follows from the seed. The tool runs beside the test, as a user of the API would.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from cube.wire.operations import MANAGER
from tests.manager.conftest import Api

BUDGET = 40  # seconds of asking; it takes a fifth of that where nothing else runs
SECONDS = 120.0  # until the tool must have ended, its start on a busy machine included
SEED = 20
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "missing_required_header",
)
PHASES = ("examples", "coverage", "fuzzing")


def command(url: str, examples: int) -> list[str]:
    """The command line; operations that stream do not end, and have tests of their own."""
    streams = [
        part for one in MANAGER if one.streams for part in ("--exclude-operation-id", one.id)
    ]
    return [
        *(str(Path(sys.executable).with_name("schemathesis")), "--no-color"),
        *("run", f"{url}/openapi.json", "--checks", ",".join(CHECKS), "--phases", ",".join(PHASES)),
        *("--max-examples", str(examples), "--seed", str(SEED), "--generation-deterministic"),
        *("--max-time", str(BUDGET), "--request-timeout", "20", "--workers", "1", *streams),
    ]


@pytest.mark.slow
async def test_every_answer_is_one_that_the_description_names(api: Api, tmp_path: Path) -> None:
    await api.submit(name="web")
    async with api.worker("w1") as worker:
        await worker.welcome()
        tool = await asyncio.create_subprocess_exec(
            *command(api.base, examples=4),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(SECONDS):
                told, _ = await tool.communicate()
        finally:
            if tool.returncode is None:
                tool.kill()
                await tool.wait()
    assert tool.returncode == 0, told.decode()
    assert b"No operations" not in told and b" passed" in told, told.decode()
