"""Pulling: progress over layers, what goes wrong on the way, and a real registry."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from cube.model.allocation import FailureKind
from cube.runtime.contract import PullProgress, RuntimeFailure
from cube.runtime.engine import Engine
from cube.runtime.images import (
    LayerProgress,
    ListedImage,
    PullMessage,
    fetch_image,
    full_reference,
    names_of,
)
from tests.runtime.fake_engine import FakeEngine
from tests.runtime.registry import Registry
from tests.runtime.worlds import DockerMachine, docker

IMAGE = "registry.example:5000/team/web:1"
NOWHERE = Path("/nonexistent/config.json")


def a_message(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\r\n"


def downloading(layer: str, current: int, total: int) -> PullMessage:
    detail = {"current": current, "total": total}
    return message(status="Downloading", id=layer, progressDetail=detail)


def message(**fields: object) -> PullMessage:
    return msgspec.convert(fields, PullMessage)


@pytest.fixture
async def engine(fake_engine: FakeEngine) -> AsyncIterator[Engine]:
    one = Engine(fake_engine.url)
    yield one
    await one.close()


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))


def ignore(_: PullProgress) -> None:
    """Not be interested."""


def test_images_are_listed_by_all_their_names_the_newest_first() -> None:
    digest = "web@sha256:abc"
    old = ListedImage(1, ("web:1", "web:old"), (digest,))
    nameless = ListedImage(3, ("<none>:<none>",), ("<none>@<none>",))
    assert names_of([old, nameless, ListedImage(2, None, ("db@sha256:def",))]) == [
        "db@sha256:def",
        "web:1",
        "web:old",
        digest,
    ]


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("nginx", "nginx:latest"),
        ("nginx:1.27", "nginx:1.27"),
        ("localhost:5000/nginx", "localhost:5000/nginx:latest"),
        ("nginx@sha256:abc", "nginx@sha256:abc"),
    ],
)
def test_an_image_without_a_tag_is_the_latest(image: str, full: str) -> None:
    assert full_reference(image) == full


def test_progress_is_the_sum_over_the_layers() -> None:
    layers = LayerProgress()

    assert layers.see(message(status="Pulling fs layer", id="a")).total_bytes == 0
    layers.see(downloading("a", 10, 100))
    layers.see(downloading("b", 50, 50))
    assert layers.see(downloading("a", 40, 100)) == PullProgress(
        done_bytes=90, total_bytes=150, status="downloading"
    )


def test_progress_never_goes_back() -> None:
    layers = LayerProgress()
    layers.see(downloading("a", 60, 100))

    assert layers.see(downloading("a", 40, 100)).done_bytes == 60
    assert layers.see(message(status="Download complete", id="a")).done_bytes == 100
    extracting = message(status="Extracting", id="a", progressDetail={"current": 1, "total": 100})
    assert layers.see(extracting) == PullProgress(
        done_bytes=100, total_bytes=100, status="extracting"
    )


async def test_a_pull_tells_its_progress(engine: Engine, fake_engine: FakeEngine) -> None:
    detail = {"current": 5, "total": 9}
    fake_engine.stream(
        "POST",
        "images/create",
        a_message(status="Pulling from team/web", id="1"),
        a_message(status="Downloading", id="a", progressDetail=detail)[:20],
        a_message(status="Downloading", id="a", progressDetail=detail)[20:],
        a_message(status="Download complete", id="a", progressDetail={}),
    )
    fake_engine.answer("GET", f"images/{IMAGE}/json", {})
    heard: list[PullProgress] = []

    await fetch_image(engine, NOWHERE, IMAGE, heard.append)

    assert [(one.done_bytes, one.total_bytes) for one in heard] == [(0, 0), (5, 9), (9, 9)]
    assert dict(fake_engine.asked[0].query) == {"fromImage": IMAGE}
    assert "X-Registry-Auth" not in fake_engine.asked[0].headers


async def test_the_login_goes_to_the_engine(
    engine: Engine, fake_engine: FakeEngine, tmp_path: Path
) -> None:
    fake_engine.stream("POST", "images/create")
    fake_engine.answer("GET", f"images/{IMAGE}/json", {})
    config = tmp_path / "config.json"
    auth = base64.b64encode(b"me:pass:word").decode()
    write(config, {"auths": {"registry.example:5000": {"auth": auth}}})

    await fetch_image(engine, config, IMAGE, ignore)

    header = fake_engine.asked[0].headers["X-Registry-Auth"]
    assert json.loads(base64.urlsafe_b64decode(header)) == {
        "username": "me",
        "password": "pass:word",
        "serveraddress": "registry.example:5000",
    }


async def test_an_error_inside_the_stream_fails_the_pull(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    words = "unauthorized: authentication required"
    fake_engine.stream(
        "POST",
        "images/create",
        a_message(status="Pulling from team/web"),
        a_message(error=words, errorDetail={"message": words}),
    )

    with pytest.raises(RuntimeFailure) as raised:
        await fetch_image(engine, NOWHERE, IMAGE, ignore)

    assert raised.value.kind is FailureKind.REGISTRY_DENIED
    assert IMAGE in raised.value.message


async def test_a_refused_pull_says_why(engine: Engine, fake_engine: FakeEngine) -> None:
    fake_engine.refuse("POST", "images/create", 404, "manifest unknown")

    with pytest.raises(RuntimeFailure, match="check the name and tag") as raised:
        await fetch_image(engine, NOWHERE, IMAGE, ignore)

    assert raised.value.kind is FailureKind.IMAGE_MISSING


async def test_a_pull_without_news_is_given_up(
    engine: Engine, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cube.runtime.images.SILENCE_SECONDS", 0.05)
    fake_engine.hang("POST", "images/create")

    with pytest.raises(RuntimeFailure) as raised:
        await fetch_image(engine, NOWHERE, IMAGE, ignore)

    assert raised.value.kind is FailureKind.ENGINE_SLOW


@pytest.mark.parametrize("drop", [True, False])
async def test_an_engine_that_goes_down_has_not_pulled(
    engine: Engine, fake_engine: FakeEngine, drop: bool
) -> None:
    fake_engine.stream("POST", "images/create", a_message(status="Pulling"), drop=drop)
    fake_engine.refuse("GET", f"images/{IMAGE}/json", 404, "No such image")

    with pytest.raises(RuntimeFailure) as raised:
        await fetch_image(engine, NOWHERE, IMAGE, ignore)

    assert raised.value.kind is FailureKind.ENGINE_AWAY


@pytest.mark.docker
async def test_an_image_comes_from_a_real_registry(
    docker_machine: DockerMachine, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = await registry.push_an_image()
    heard: list[PullProgress] = []

    with pytest.raises(RuntimeFailure) as raised:
        await docker_machine.runtime.pull(image, ignore)
    assert raised.value.kind is FailureKind.REGISTRY_DENIED

    monkeypatch.setenv("DOCKER_CONFIG", str(registry.login))
    await asyncio.gather(
        docker_machine.runtime.pull(image, heard.append), docker_machine.runtime.pull(image, ignore)
    )

    assert image in await docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
    await docker("rmi", image)
    assert heard[-1].done_bytes == heard[-1].total_bytes > 200_000

    with pytest.raises(RuntimeFailure) as raised:
        await docker_machine.runtime.pull(image.replace(":1", ":2"), ignore)
    assert raised.value.kind is FailureKind.IMAGE_MISSING


@pytest.mark.docker
async def test_a_registry_that_is_not_there_is_away(docker_machine: DockerMachine) -> None:
    with pytest.raises(RuntimeFailure) as raised:
        await docker_machine.runtime.pull("127.0.0.1:9/team/web:1", ignore)

    assert raised.value.kind is FailureKind.REGISTRY_AWAY
