"""Credentials: found where docker keeps them, and never a reason that a public image cannot be pulled."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from cube.model.account import Account
from cube.runtime.credentials import (
    DOCKER_HUB_KEY,
    Credentials,
    config_path,
    credentials_for,
    credentials_of,
    read_config,
)

LOGIN = Credentials(username="me", password="s3cret", serveraddress="registry.example")
AUTH = base64.b64encode(b"me:s3cret").decode()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def write(path: Path, content: object) -> None:
    """Write text as it is, all else as JSON."""
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def a_helper(
    folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, name: str = "test"
) -> None:
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def answer(username: str, secret: str) -> str:
    said = json.dumps({"ServerURL": "x", "Username": username, "Secret": secret})
    return f"read asked; test \"$1\" = get || exit 1; echo '{said}'"


def test_docker_says_where_its_configuration_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", "/etc/docker-logins")
    assert config_path() == Path("/etc/docker-logins/config.json")
    monkeypatch.delenv("DOCKER_CONFIG")
    assert config_path() == Path.home() / ".docker" / "config.json"


@pytest.mark.parametrize(
    "auths",
    [
        {"registry.example": {"auth": AUTH}},
        {"https://registry.example/v1/": {"auth": AUTH}},
        {"registry.example": {"username": "me", "password": "s3cret"}},
        {"registry.example": {"auth": base64.b64encode(b"me:s3cret\0\0").decode()}},
    ],
)
async def test_a_login_is_found_in_all_its_forms(config: Path, auths: dict[str, Any]) -> None:
    write(config, {"auths": auths, "HttpHeaders": {"unknown": "to us"}})

    assert await credentials_for("registry.example/web:1", config) == LOGIN


async def test_a_login_at_the_hub_is_found(config: Path) -> None:
    write(config, {"auths": {DOCKER_HUB_KEY: {"auth": AUTH}}})

    found = await credentials_for("team/web", config)

    assert found is not None
    assert (found.username, found.serveraddress) == ("me", DOCKER_HUB_KEY)


@pytest.mark.parametrize(
    ("registry", "key"),
    [("registry.example:5000", "registry.example:5000"), ("docker.io", DOCKER_HUB_KEY)],
)
def test_an_account_of_the_cluster_is_shown_as_docker_would(registry: str, key: str) -> None:
    shown = credentials_of(Account(registry, "me", "s3cret"))

    assert shown == Credentials(username="me", password="s3cret", serveraddress=key)


async def test_a_token_is_passed_on(config: Path) -> None:
    auths = {"registry.example": {"auth": "", "identitytoken": "t0ken"}}
    write(config, {"auths": auths})

    found = await credentials_for("registry.example/web", config)

    assert found == Credentials(identitytoken="t0ken", serveraddress="registry.example")


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "{",
        '{"auths": {"other.example": {"auth": "bWU6cw=="}}}',
        '{"auths": {"registry.example": {}}}',
        '{"auths": {"registry.example": {"auth": "?"}}}',
        '{"credsStore": "is-not-installed"}',
        '{"credsStore": "../../bin/sh"}',
    ],
)
async def test_without_a_login_that_can_be_read_there_is_none(
    config: Path, content: str | None
) -> None:
    if content is not None:
        write(config, content)

    assert await credentials_for("registry.example/web", config) is None


async def test_a_helper_is_asked_for_the_registry(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"read key; test $key = registry.example || exit 1; {answer('me', 's3cret')[12:]}"
    a_helper(tmp_path, monkeypatch, script)
    write(config, {"credsStore": "test"})

    assert await credentials_for("registry.example/web", config) == LOGIN
    assert await credentials_for("other.example/web", config) is None


async def test_the_helper_of_a_registry_comes_before_the_general_one(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_helper(tmp_path, monkeypatch, answer("<token>", "t0ken"), "own")
    a_helper(tmp_path, monkeypatch, answer("general", "x"), "general")
    helpers = {"credsStore": "general", "credHelpers": {"registry.example": "own"}}
    write(config, helpers)

    assert await credentials_for("registry.example/web", config) == Credentials(
        identitytoken="t0ken", serveraddress="registry.example"
    )


@pytest.mark.parametrize("script", ["exit 1", "echo no json", "exec sleep 60", "echo '{}'"])
async def test_a_helper_that_fails_is_passed_over(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr("cube.runtime.credentials.HELPER_SECONDS", 0.2)
    a_helper(tmp_path, monkeypatch, script)
    write(config, {"credsStore": "test", "auths": {"registry.example": {"auth": AUTH}}})

    async with asyncio.timeout(10):  # long before the one that hangs would end
        assert await credentials_for("registry.example/web", config) == LOGIN


async def test_secrets_are_not_shown(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    write(config, {"auths": {"registry.example": {"auth": AUTH}}})

    found = await credentials_for("registry.example/web", config)

    shown = f"{found!r} {found} {read_config(config)!r} {caplog.text}"
    assert "s3cret" not in shown
    assert AUTH not in shown
