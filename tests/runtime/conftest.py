"""Machines to run containers on, an engine that does what a test tells it, and a registry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.runtime.fake_engine import FakeEngine
from tests.runtime.registry import Registry, running_registry
from tests.runtime.worlds import DockerMachine, Machine, SimulatedMachine


@pytest.fixture(
    params=[SimulatedMachine, pytest.param(DockerMachine, marks=pytest.mark.docker)],
    ids=["simulated", "docker"],
)
async def machine(request: pytest.FixtureRequest) -> AsyncIterator[Machine]:
    """Each kind of machine in turn."""
    one: Machine = request.param()
    try:
        yield one
    finally:
        await one.close()


@pytest.fixture
async def docker_machine() -> AsyncIterator[DockerMachine]:
    """A machine with a real engine. A test that asks for it is marked `docker`."""
    one = DockerMachine()
    try:
        yield one
    finally:
        await one.close()


@pytest.fixture
async def fake_engine(tmp_path: Path) -> AsyncIterator[FakeEngine]:
    """An engine's socket behind which the test decides."""
    engine = FakeEngine(tmp_path / "engine.sock")
    await engine.open()
    try:
        yield engine
    finally:
        await engine.close()


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    """A registry on this machine that lets in one user."""
    async with running_registry(tmp_path) as one:
        yield one
