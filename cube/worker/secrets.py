"""The secrets of this machine's containers: files in memory, for as long as their allocation is here.

One folder for each allocation on a file system that never touches a disk, mounted into its containers. It outlives this
process and the engine, so neither's restart costs a container anything; after the machine's own restart it is asked for
again. On the host nobody but this user gets in.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Collection
from hashlib import blake2s
from pathlib import Path

from cube.model.allocation import Failure, FailureKind
from cube.model.ids import AllocationId
from cube.model.secret import NO_SECRETS, GivenSecrets, SecretValue
from cube.model.spec import Secret, TaskSpec
from cube.runtime.contract import RuntimeFailure
from cube.wire.messages import AskSecret, TellSecret
from cube.worker.asking import Asking

IN_MEMORY = (Path("/run"), Path("/dev/shm"))  # where a system has its tmpfs; the first that is one
MOUNTS = Path("/proc/self/mounts")


class Secrets:
    """Has the secrets of each allocation ready when its container is made."""

    def __init__(self, node_id: str, send: Callable[[AskSecret], Awaitable[None]]) -> None:
        self._node_id = node_id
        self._asking = Asking[AskSecret, TellSecret](send)

    async def give(self, id: AllocationId, spec: TaskSpec) -> GivenSecrets:
        """Return what the container gets. RuntimeFailure SECRET_MISSING says which it waits for, and why.

        Files that are there already stay as they are: an allocation has one version of each for as long as it lives.
        """
        if not spec.secrets:
            return NO_SECRETS
        folder = self._folder(id)
        env: dict[str, str] = {}
        files: dict[Secret, bytes] = {}
        for secret in spec.secrets:
            if secret.as_env:
                env[secret.as_env] = _text(await self._ask(id, secret.name))
            elif not (folder / secret.file).exists():
                files[secret] = (await self._ask(id, secret.name)).value
        if any(secret.file for secret in spec.secrets):
            try:
                await asyncio.to_thread(_write, folder, files, spec.user)
            except OSError as error:
                words = f"secrets cannot be kept in {folder.parent}: {error.strerror}"
                raise RuntimeFailure(Failure(FailureKind.NO_SPACE, words)) from error
            return GivenSecrets(str(folder), env)
        return GivenSecrets("", env)

    def told(self, answer: TellSecret) -> None:
        """Take in what the manager answered."""
        self._asking.told((answer.id, answer.name), answer)

    def forget(self, id: AllocationId) -> None:
        """Remove the files of an allocation that has ended. Repeats safely."""
        if (home := _home(self._node_id)) is not None:
            shutil.rmtree(home / _short(id), ignore_errors=True)

    def keep_only(self, ids: Collection[AllocationId]) -> None:
        """Remove the files of all others: they ended while this process was not there."""
        home = _home(self._node_id)
        if home is None or not home.is_dir():
            return
        kept = {_short(id) for id in ids}
        for folder in home.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    async def _ask(self, id: AllocationId, name: str) -> SecretValue:
        answer = await self._asking.ask((id, name), AskSecret(id=id, name=name))
        if answer is None:
            raise _missing(name, "the manager cannot be asked for it now")
        if answer.secret is None:
            raise _missing(name, answer.why)
        return answer.secret

    def _folder(self, id: AllocationId) -> Path:
        home = _home(self._node_id)
        if home is None:
            words = (
                f"this machine has no file system in memory at {' or '.join(map(str, IN_MEMORY))}"
            )
            raise RuntimeFailure(Failure(FailureKind.NO_SPACE, words))
        return home / _short(id)


def _missing(name: str, why: str) -> RuntimeFailure:
    return RuntimeFailure(Failure(FailureKind.SECRET_MISSING, f"waits for secret {name}: {why}"))


def _text(secret: SecretValue) -> str:
    try:
        text = secret.value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        words = f"secret {secret.name} is no text and cannot be a variable; take out as_env"
        raise RuntimeFailure(Failure(FailureKind.BAD_SPEC, words)) from None
    return text


def _home(node_id: str) -> Path | None:
    """Return where this worker keeps its secrets, on the first file system in memory; None where there is none."""
    mounted = {
        words[1]: words[2] for line in MOUNTS.read_text().splitlines() if (words := line.split())
    }
    for place in IN_MEMORY:
        if mounted.get(str(place)) == "tmpfs":
            return place / f"cube-secrets-{_short(node_id)}"
    return None


def _short(id: str) -> str:
    """Return a folder's name that does not depend on what characters the id has."""
    return blake2s(id.encode(), digest_size=12).hexdigest()


def _write(folder: Path, files: dict[Secret, bytes], user: str) -> None:
    """Write the files, each at once and whole. OSError where that cannot be, also where somebody else has the place."""
    home = folder.parent
    home.mkdir(mode=0o700, exist_ok=True)
    status = home.lstat()
    # Anybody may make folders in /dev/shm: one that was there before us is not used.
    if home.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise PermissionError(13, f"{home} is not this user's alone")
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)  # whatever the umask: the container's user has to get in
    for secret, value in files.items():
        handle, name = tempfile.mkstemp(dir=home)
        with os.fdopen(handle, "wb") as file:
            file.write(value)
            os.fchmod(handle, secret.mode)
            if owner := _owner(user):
                os.fchown(handle, *owner)
        Path(name).rename(folder / secret.file)


def _owner(user: str) -> tuple[int, int] | None:
    """Return the numbers of the user a task runs as; None where it is root, or a name that only the image knows."""
    uid, _, gid = user.partition(":")
    if not uid.isdigit():
        return None
    return int(uid), int(gid) if gid.isdigit() else int(uid)
