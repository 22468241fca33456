"""A registry on this machine, Debian's docker-registry, that lets in one user."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import shutil
import socket
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from tests.runtime.worlds import docker, until

# The password is put together at run time, so that no file of this checkout holds it: tests look for it everywhere.
USER, PASSWORD = "cube", "-".join(("cube", "canary", "41f7aa"))
# `htpasswd -nbB -C 4 USER PASSWORD`: the registry takes no other kind of hash, and this one costs no package.
HTPASSWD = "cube:$2y$04$PF9/ZIOvAWaPVymaBvP.0u0keCQaKJaW/FFx8hYjmnqE9NnEGK3BS\n"

CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/images}}}}
http: {{addr: "{address}"}}
auth: {{htpasswd: {{realm: cube, path: {folder}/htpasswd}}}}
"""


class Registry:
    """A running registry at `address`; `login` is a folder for DOCKER_CONFIG that knows its user."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.login = folder / "login"
        self.login.mkdir()
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        config = json.dumps({"auths": {address: {"auth": auth}}})
        (self.login / "config.json").write_text(config)

    async def push_an_image(self) -> str:
        """Put an image that this machine does not have into the registry, and return its name."""
        name = f"{self.address}/contract/{uuid4().hex}:1"
        await docker("import", "-", name, stdin=_a_file_system())
        try:
            await docker("push", name, env=os.environ | {"DOCKER_CONFIG": str(self.login)})
        finally:
            await docker("rmi", name)
        return name


@asynccontextmanager
async def running_registry(folder: Path) -> AsyncIterator[Registry]:
    """Run a registry in this folder until the block is left."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.fail("docker-registry is not installed; apt-get install docker-registry")
    address = f"127.0.0.1:{_a_free_port()}"
    (folder / "htpasswd").write_text(HTPASSWD)
    config = folder / "config.yml"
    config.write_text(CONFIG.format(folder=folder, address=address))
    process = await asyncio.create_subprocess_exec(
        program, "serve", str(config), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _until_it_answers(f"http://{address}/v2/")
        yield Registry(address, folder)
    finally:
        process.terminate()
        await process.wait()


async def _until_it_answers(url: str) -> None:
    async with aiohttp.ClientSession() as session:

        async def answers() -> bool:
            with suppress(aiohttp.ClientError):
                async with session.get(url):
                    return True
            return False

        await until(answers)


def _a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _a_file_system() -> bytes:
    """Return a tar nobody has: one file of random bytes, so that its layer has to be downloaded."""
    content = os.urandom(200_000)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("content")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()
