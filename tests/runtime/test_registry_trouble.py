"""What a registry does wrong is named as it is, and a real engine's pull ends as soon as there is no use in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cube.model.allocation import FailureKind
from cube.runtime.contract import PullProgress, RuntimeFailure
from tests.runtime.fake_registry import FakeRegistry, Layer, fake_registry
from tests.runtime.worlds import DockerMachine, docker

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with fake_registry() as one:
        yield one


async def failure_of(machine: DockerMachine, registry: FakeRegistry) -> tuple[FailureKind, str]:
    """Pull the image, which fails; what is said, without its name."""
    with pytest.raises(RuntimeFailure) as raised:
        await machine.runtime.pull(registry.image, lambda _: None)
    failure = raised.value.failure
    assert registry.image in failure.message
    return failure.kind, failure.message.replace(registry.image, "IMAGE")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (404, FailureKind.IMAGE_MISSING, "image IMAGE not found; check the name and tag"),
        (401, FailureKind.REGISTRY_DENIED, "the registry does not let this machine pull IMAGE"),
        (429, FailureKind.REGISTRY_AWAY, "the registry refuses IMAGE for now: too many requests"),
        (500, FailureKind.REGISTRY_AWAY, "image IMAGE could not be pulled: received unexpected"),
        (503, FailureKind.REGISTRY_AWAY, "image IMAGE could not be pulled: received unexpected"),
    ],
)
async def test_a_registry_that_refuses_is_quoted(
    docker_machine: DockerMachine,
    registry: FakeRegistry,
    status: int,
    kind: FailureKind,
    words: str,
) -> None:
    registry.refusal = (status, {"Retry-After": "7"})
    found, message = await failure_of(docker_machine, registry)
    assert found is kind
    assert message.startswith(words)


@pytest.mark.parametrize("layer", [Layer.CUT, Layer.WRONG], ids=["cut", "wrong"])
async def test_a_layer_that_is_not_what_it_should_be_is_refused(
    docker_machine: DockerMachine, registry: FakeRegistry, layer: Layer
) -> None:
    registry.layer = layer
    kind, message = await failure_of(docker_machine, registry)
    assert kind is FailureKind.REGISTRY_AWAY
    assert "verification failed for digest" in message
    assert not (await docker("images", "-q", registry.image)).strip()


async def test_a_slow_pull_with_progress_is_left_alone(
    docker_machine: DockerMachine, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In all it takes longer than a silence may; each pause takes a small part of that.
    monkeypatch.setattr("cube.runtime.images.SILENCE_SECONDS", 2.0)
    registry.layer, registry.piece_seconds = Layer.SLOW, 0.35
    progress: list[PullProgress] = []
    try:
        await docker_machine.runtime.pull(registry.image, progress.append)
        sizes = [one.done_bytes for one in progress]
        assert sizes == sorted(sizes)
        assert len(set(sizes)) > 3
    finally:
        await docker("rmi", registry.image)


async def test_a_pull_that_stands_still_is_given_up_and_the_next_one_works(
    docker_machine: DockerMachine, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.layer = Layer.STALLS
    with monkeypatch.context() as brief:  # for this pull only: a busy engine is silent for longer
        brief.setattr("cube.runtime.images.SILENCE_SECONDS", 0.5)
        kind, message = await failure_of(docker_machine, registry)
    assert kind is FailureKind.ENGINE_SLOW
    assert message == "the pull of IMAGE stood still for 0.5 s and was given up"

    # The engine itself keeps its connection to the registry until that ends it; the next pull
    # has one of its own.
    registry.layer = Layer.WHOLE
    await docker_machine.runtime.pull(registry.image, lambda _: None)
    await docker("rmi", registry.image)
