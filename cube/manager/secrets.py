"""The cluster's secrets: set and forgotten by people, opened only for a worker whose allocation names one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cube.core.attachments import is_mount_name
from cube.core.cluster import Cluster
from cube.errors import Conflict, CubeError, InvalidInput, NotFound, Objection
from cube.manager.decider import Decider
from cube.model.account import SealedAccount
from cube.model.allocation import Allocation
from cube.model.audit import AuditEntry
from cube.model.ids import AllocationId, NodeId
from cube.model.secret import MAX_SECRET_BYTES, SealedSecret, SecretValue, pinned
from cube.model.task import Goal, Task
from cube.security.sealing import load_key
from cube.wire.messages import TellSecret
from cube.wire.secret_views import SecretView


class Vault(Protocol):
    """What keeps them sealed: `cube.store.ledger.Ledger`."""

    async def put_secret(
        self, secret: SealedSecret, *, oldest: int, audit: Iterable[AuditEntry] = ()
    ) -> None:
        """Record a version of a secret, and forget those before `oldest`."""

    async def remove_secret(self, name: str, audit: Iterable[AuditEntry] = ()) -> int:
        """Forget a secret and return how many versions there were."""

    async def secret(self, name: str) -> list[SealedSecret]:
        """Return the versions of one secret, the oldest first."""

    async def secrets(self) -> list[SealedSecret]:
        """Return the newest version of each secret."""

    async def accounts(self) -> list[SealedAccount]:
        """Return all accounts at registries, which are sealed with the same key."""


class Secrets:
    """All secrets of one cluster. The key is read anew each time: a key that is put back counts at once."""

    def __init__(
        self, vault: Vault, decider: Decider, now_ms: Callable[[], int], folder: Path
    ) -> None:
        self._vault = vault
        self._decider = decider
        self._now_ms = now_ms
        self._folder = folder
        self._changing = (
            asyncio.Lock()
        )  # a version is the one after the newest, the key is made once

    async def set(
        self, name: str, value: bytes, audit: Callable[[SealedSecret], Iterable[AuditEntry]]
    ) -> SecretView:
        """Keep the value as the newest version. What runs has the version that it began with."""
        if not is_mount_name(name):
            words = "is no secret's name; use up to 63 of a-z, 0-9, '.', '_', '-', like db-password"
            raise InvalidInput((Objection("name", words),))
        if not value or len(value) > MAX_SECRET_BYTES:
            words = f"is {len(value)} bytes long; a secret has 1 to {MAX_SECRET_BYTES}"
            raise InvalidInput((Objection("value", words),))
        async with self._changing:
            return self._view(await self._add(name, value, audit))

    async def _add(
        self, name: str, value: bytes, audit: Callable[[SealedSecret], Iterable[AuditEntry]]
    ) -> SealedSecret:
        """Return the new version once it is on record. One at a time."""
        first = not (await self._vault.secrets() or await self._vault.accounts())
        kept = await self._vault.secret(name)
        version = kept[-1].version + 1 if kept else 1
        sealer = load_key(self._folder, make=first)
        now_ms = self._now_ms()
        cluster = self._cluster
        # From here on without a pause: the revision must not be that of an allocation made before.
        secret = SealedSecret(
            name, version, cluster.revision + 1, now_ms, sealer.seal(name, version, value)
        )
        needed = [pinned(kept, one.revision) for one in _holders(cluster, name)]
        oldest = min((one.version for one in needed if one is not None), default=version)
        await self._vault.put_secret(secret, oldest=oldest, audit=audit(secret))
        return secret

    async def all(self) -> list[SecretView]:
        """Return what there is, without values."""
        return [self._view(one) for one in await self._vault.secrets()]

    async def remove(self, name: str, audit: Iterable[AuditEntry]) -> None:
        """Forget it. Conflict while a task names it, NotFound where there is none."""
        if used := _users(self._cluster, name):
            raise Conflict(
                f"secret {name[:60]} is named by {', '.join(used[:5])}",
                hint="stop these tasks, or take the secret out of their files, and try again",
            )
        if not await self._vault.remove_secret(name, audit):
            raise NotFound(f"there is no secret called {name[:60]!r}", hint="cube secret ls")

    async def tell(self, node_id: NodeId, id: AllocationId, name: str) -> TellSecret:
        """Return the secret for a worker, if the allocation is its own, is to run, and names it; else why not."""
        allocation = self._cluster.allocations.get(id)
        task = self._cluster.tasks.get(allocation.task_id) if allocation is not None else None
        may = (
            allocation is not None
            and task is not None
            and allocation.node_id == node_id
            and allocation.live
            and name in _named(task)
        )
        if allocation is None or not may:
            # In one sentence for all of these: it tells nothing of what there is.
            return TellSecret(id=id, name=name, why="no allocation on this worker has it")
        try:
            found = pinned(await self._vault.secret(name), allocation.revision)
            if found is None:
                return TellSecret(id=id, name=name, why=f"there is none; cube secret set {name}")
            value = load_key(self._folder, make=False).open(name, found.version, found.sealed)
        except CubeError as error:
            return TellSecret(id=id, name=name, why=error.message)
        return TellSecret(id=id, name=name, secret=SecretValue(name, found.version, value))

    @property
    def _cluster(self) -> Cluster:
        return self._decider.core.cluster

    def _view(self, one: SealedSecret) -> SecretView:
        at = datetime.fromtimestamp(one.at_ms / 1000, UTC)
        used_by = tuple(_users(self._cluster, one.name))
        return SecretView(name=one.name, version=one.version, at=at, used_by=used_by)


def _named(task: Task) -> set[str]:
    """Return the secrets that the task names, or did before its last change: allocations of then may still run."""
    specs = [task.spec, *([task.former.spec] if task.former is not None else [])]
    return {secret.name for spec in specs for secret in spec.secrets}


def _users(cluster: Cluster, name: str) -> list[str]:
    """Return the names of the tasks that want to run with the secret."""
    return sorted(
        task.spec.name
        for task in cluster.tasks.values()
        if task.goal is Goal.RUN and any(one.name == name for one in task.spec.secrets)
    )


def _holders(cluster: Cluster, name: str) -> list[Allocation]:
    """Return the allocations that live with a version of the secret."""
    tasks = {task.id for task in cluster.tasks.values() if name in _named(task)}
    return (
        [one for one in cluster.allocations.values() if one.live and one.task_id in tasks]
        if tasks
        else []
    )
