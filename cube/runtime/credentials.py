"""Registry credentials: of the cluster's account, or from docker's own configuration on this machine.

Read anew for each pull (a login takes effect at once), kept nowhere, shown by no repr.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import os
import re
from pathlib import Path

import msgspec

from cube.core.policy import DOCKER_HUB, registry_of
from cube.model.account import Account

log = logging.getLogger(__name__)

DOCKER_HUB_KEY = "https://index.docker.io/v1/"  # under which docker keeps its Hub login
HELPER_SECONDS = 10.0  # a helper may ask a cloud's metadata service
HELPER_TOKEN_USER = "<token>"  # a helper's way to say that the secret is an identity token


class Credentials(msgspec.Struct, frozen=True, omit_defaults=True, rename="lower"):
    """What the engine is given to log in with: a name and password, or a token."""

    username: str = ""
    password: str = ""
    identitytoken: str = ""
    serveraddress: str = ""

    def __repr__(self) -> str:
        return f"Credentials(serveraddress={self.serveraddress!r}, …)"

    def header(self) -> str:
        """Return the value of the engine's X-Registry-Auth header."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode()


class _Login(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""

    def __repr__(self) -> str:
        return "_Login(…)"


class DockerConfig(msgspec.Struct, frozen=True):
    """The part of docker's config.json that is about credentials."""

    auths: dict[str, _Login] = {}
    cred_helpers: dict[str, str] = msgspec.field(default_factory=dict, name="credHelpers")
    creds_store: str = msgspec.field(default="", name="credsStore")


class _HelperAnswer(msgspec.Struct, frozen=True, rename="pascal"):
    username: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        return "_HelperAnswer(…)"


def config_path() -> Path:
    """Return where docker keeps its configuration for this user."""
    folder = os.environ.get("DOCKER_CONFIG", "")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def credentials_of(account: Account) -> Credentials:
    """Return what logs in with an account of the cluster."""
    return Credentials(
        username=account.username,
        password=account.password,
        serveraddress=_key_of(account.registry),
    )


def _key_of(registry: str) -> str:
    return DOCKER_HUB_KEY if registry == DOCKER_HUB else registry


async def credentials_for(image: str, path: Path) -> Credentials | None:
    """Return what to log in with for this image, or None where nothing is configured.

    A helper that is missing, fails or hangs is logged and passed over: most images are public, and where not, the
    registry says so.
    """
    config = await asyncio.to_thread(read_config, path)
    registry = registry_of(image)
    key = _key_of(registry)
    helper = config.cred_helpers.get(key) or config.cred_helpers.get(registry) or config.creds_store
    if helper and (found := await _from_helper(helper, key)):
        return found
    return _from_file(config, key)


def read_config(path: Path) -> DockerConfig:
    """Return docker's configuration; an absent or unreadable one counts as empty."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=DockerConfig)
    except FileNotFoundError:
        return DockerConfig()
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("%s is not readable, pulling without credentials: %s", path, error)
        return DockerConfig()


def _from_file(config: DockerConfig, key: str) -> Credentials | None:
    logins = {_plain_host(name): login for name, login in config.auths.items()}
    login = config.auths.get(key) or logins.get(_plain_host(key))
    if login is None:
        return None
    username, password = login.username, login.password
    if login.auth:
        try:
            decoded = base64.b64decode(login.auth, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            log.warning("the login for %s in docker's configuration is not readable", key)
            return None
        username, _, password = decoded.partition(":")
    if not (username or login.identitytoken):
        return None
    return Credentials(
        username=username,
        password=password.rstrip("\x00"),  # docker pads old ones
        identitytoken=login.identitytoken,
        serveraddress=key,
    )


def _plain_host(key: str) -> str:
    # Older docker versions wrote the whole URL of the registry.
    return key.partition("://")[2].partition("/")[0] if "://" in key else key.partition("/")[0]


async def _from_helper(helper: str, key: str) -> Credentials | None:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", helper):
        log.warning("docker's configuration names a credential helper that is no name: %r", helper)
        return None
    program = f"docker-credential-{helper}"
    try:
        answer = await _run_helper(program, key)
    except TimeoutError:
        log.warning("%s did not answer in %g s", program, HELPER_SECONDS)
    except OSError as error:
        log.warning("%s cannot be run: %s", program, error.strerror)
    except msgspec.MsgspecError:
        log.warning("%s gave an answer that is not readable", program)
    else:
        if answer is None or not answer.secret:
            return None
        if answer.username == HELPER_TOKEN_USER:
            return Credentials(identitytoken=answer.secret, serveraddress=key)
        return Credentials(username=answer.username, password=answer.secret, serveraddress=key)
    return None


async def _run_helper(program: str, key: str) -> _HelperAnswer | None:
    """Return the helper's answer, None where it knows nothing of this registry. It does not outlive the call."""
    process = await asyncio.create_subprocess_exec(
        program,
        "get",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(HELPER_SECONDS):
            output, _ = await process.communicate(key.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        log.debug("%s knows no login for %s", program, key)
        return None
    return msgspec.json.decode(output, type=_HelperAnswer)
