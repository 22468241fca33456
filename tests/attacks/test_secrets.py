"""A26: a secret that can be told from everything else, and every place it must not be in."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiodocker
import pytest

from cube.model.container import ContainerState
from cube.model.ids import NodeId
from cube.runtime.docker import DockerRuntime
from cube.settings import ManagerSettings, WorkerSettings
from cube.worker.app import Worker
from cube.worker.identity import Identity
from tests.manager.conftest import Api, running
from tests.manager.conftest import until as eventually
from tests.runtime.registry import PASSWORD, USER, running_registry
from tests.runtime.worlds import docker

# Put together at run time: this file, its bytecode and pytest's own output hold no whole one.
CANARY = "-".join(("cube", "canary", "5d1c9a"))
ASKED = (
    "/task",
    "/task/web",
    "/secret",
    "/registry",
    "/event",
    "/node",
    "/attention",
    "/audit",
    "/metrics",
    "/openapi.json",
)


@pytest.mark.docker
async def test_a26_a_secret_is_nowhere_but_in_its_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with cluster_of_one(tmp_path) as (api, engine):
        status, _, _ = await api.ask("PUT", "/secret/db", data=CANARY.encode())
        assert status == 200
        await api.submit(
            name="web",
            image="busybox:latest",
            command="sleep 600",
            secrets=["db"],
            stop_grace="0ms",
        )

        async def runs() -> bool:
            return [one.state for one in await engine.containers()] == [ContainerState.RUNNING]

        await eventually(runs)
        [seen] = await engine.containers()
        found = await engine.run_command(seen.id, ("cat", "/run/secrets/db"), 5000)
        assert found.output == CANARY
        await api.ask("POST", "/backup")

        assert_nowhere(await everything_told(api, seen.id, seen.label.node_id))
        assert_nowhere({str(file): file.read_bytes() for file in files(tmp_path)})
        assert_nowhere({str(file): read(file) for file in processes()})
        assert_nowhere({"logs": caplog.text.encode()})


@asynccontextmanager
async def cluster_of_one(folder: Path) -> AsyncIterator[tuple[Api, DockerRuntime]]:
    """A manager and a worker with everything they write in this folder. What runs is removed at the end."""
    async with running(ManagerSettings(port=0, data=folder / "manager")) as api:
        port = int(api.base.rpartition(":")[2])
        identity = Identity(folder / "worker")
        settings = WorkerSettings(manager_port=port, port=0, data=folder / "worker", name="w1")
        engine = DockerRuntime(identity.node_id)
        worker = Worker(settings, DockerRuntime(identity.node_id), identity=identity)
        try:
            await worker.start()
            yield api, engine
        finally:
            await worker.stop()
            for one in await engine.containers():
                await engine.remove(one.id)
            await engine.close()


@pytest.mark.docker
async def test_a26_a_password_of_a_registry_is_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("registry", "cluster"):
        (tmp_path / name).mkdir()
    async with (
        running_registry(tmp_path / "registry") as registry,
        cluster_of_one(tmp_path / "cluster") as (api, engine),
    ):
        image = await registry.push_an_image()
        account = {"username": USER, "password": PASSWORD}
        status, _, _ = await api.ask("PUT", f"/registry/{registry.address}", json=account)
        assert status == 200
        try:
            # There is nothing in it that could run: that it was made shows that the image came.
            await api.submit(name="web", image=image, command="/content", stop_grace="0ms")

            async def is_made() -> bool:
                return bool(await engine.containers())

            await eventually(is_made, 30)
            [seen] = await engine.containers()
            await api.ask("POST", "/backup")

            told = await everything_told(api, seen.id, seen.label.node_id)
            assert_nowhere(told, PASSWORD)
            found = {str(file): file.read_bytes() for file in files(tmp_path / "cluster")}
            assert_nowhere(found, PASSWORD)
            assert_nowhere({str(file): read(file) for file in processes()}, PASSWORD)
            assert_nowhere({"logs": caplog.text.encode()}, PASSWORD)
        finally:
            await docker("rmi", "-f", image)


def assert_nowhere(places: dict[str, bytes], hidden: str = CANARY) -> None:
    """Fail with the places that hold it, as it is or as it is sent in headers."""
    forms = (hidden.encode(), base64.b64encode(hidden.encode()).rstrip(b"="))
    assert [place for place, held in places.items() if any(one in held for one in forms)] == []


async def everything_told(api: Api, container_id: str, node_id: NodeId) -> dict[str, bytes]:
    """Return all that the manager and the engine say of it."""
    told: dict[str, bytes] = {}
    for path in ASKED:
        async with api.session.get(api.base + path) as answer:
            told[path] = await answer.read()
    docker = aiodocker.Docker()
    try:
        shown = await (await docker.containers.get(container_id)).show()
    finally:
        await docker.close()
    assert shown["Config"]["Labels"]["cube.node"] == node_id
    return {**told, "inspect": json.dumps(shown).encode()}


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def processes() -> list[Path]:
    return [
        file for name in ("environ", "cmdline") for file in Path("/proc").glob(f"[0-9]*/{name}")
    ]


def read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it has ended
        return b""
