"""The cluster's accounts at registries: set and forgotten by people, opened only for a worker that pulls from one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cube.core.grammar import is_registry
from cube.core.policy import registry_of
from cube.errors import CubeError, InvalidInput, NotFound, Objection
from cube.manager.decider import Decider
from cube.model.account import Account, SealedAccount
from cube.model.audit import AuditEntry
from cube.model.ids import AllocationId, NodeId
from cube.model.secret import SealedSecret
from cube.model.task import Task
from cube.security.sealing import load_key
from cube.wire.account_views import AccountRequest, AccountView
from cube.wire.messages import TellAccount


class Vault(Protocol):
    """What keeps them sealed: `cube.store.ledger.Ledger`."""

    async def put_account(self, account: SealedAccount, audit: Iterable[AuditEntry] = ()) -> None:
        """Record the account in place of any other at its registry."""

    async def remove_account(self, registry: str, audit: Iterable[AuditEntry] = ()) -> bool:
        """Forget an account and return whether there was one."""

    async def accounts(self) -> list[SealedAccount]:
        """Return all accounts."""

    async def secrets(self) -> list[SealedSecret]:
        """Return the newest version of each secret, which is sealed with the same key."""


class Accounts:
    """All accounts of one cluster, one at each registry at most. The key is read anew each time."""

    def __init__(
        self, vault: Vault, decider: Decider, now_ms: Callable[[], int], folder: Path
    ) -> None:
        self._vault = vault
        self._decider = decider
        self._now_ms = now_ms
        self._folder = folder

    async def set(
        self,
        registry: str,
        wanted: AccountRequest,
        audit: Callable[[SealedAccount], Iterable[AuditEntry]],
    ) -> AccountView:
        """Keep it in place of the one that was there. The next pull from that registry shows it."""
        registry = _canonical(registry)
        nothing_sealed = not (await self._vault.accounts() or await self._vault.secrets())
        sealer = load_key(self._folder, make=nothing_sealed)
        sealed = sealer.seal(_bound(registry, wanted.username), _VERSION, wanted.password.encode())
        account = SealedAccount(registry, wanted.username, self._now_ms(), sealed)
        await self._vault.put_account(account, audit(account))
        return _view(account)

    async def all(self) -> list[AccountView]:
        """Return what there is, without passwords."""
        return [_view(one) for one in await self._vault.accounts()]

    async def remove(self, registry: str, audit: Iterable[AuditEntry]) -> None:
        """Forget it. NotFound where there is none."""
        if not await self._vault.remove_account(_canonical(registry), audit):
            raise NotFound(
                f"there is no account at {registry[:60]!r}", hint="cube registry ls shows them"
            )

    async def tell(self, node_id: NodeId, id: AllocationId, registry: str) -> TellAccount:
        """Return the account for a worker, if the allocation is its own and its image comes from there; or why not."""
        cluster = self._decider.core.cluster
        allocation = cluster.allocations.get(id)
        task = cluster.tasks.get(allocation.task_id) if allocation is not None else None
        may = (
            allocation is not None
            and task is not None
            and allocation.node_id == node_id
            and allocation.live
            and registry in _registries(task)
        )
        if not may:
            # In one sentence for all of these: it tells nothing of what there is.
            why = "no allocation on this worker pulls from there"
            return TellAccount(id=id, registry=registry, why=why)
        try:
            found = [one for one in await self._vault.accounts() if one.registry == registry]
            account = self._open(found[0]) if found else None
        except CubeError as error:
            return TellAccount(id=id, registry=registry, why=error.message)
        return TellAccount(id=id, registry=registry, account=account)

    def _open(self, one: SealedAccount) -> Account:
        sealer = load_key(self._folder, make=False)
        password = sealer.open(_bound(one.registry, one.username), _VERSION, one.sealed)
        return Account(one.registry, one.username, password.decode())


_VERSION = 0  # an account has none; a secret's first is 1


def _bound(registry: str, username: str) -> str:
    # No secret has a slash in its name: neither opens as the other.
    return f"registry/{registry}/{username}"


def _canonical(registry: str) -> str:
    if not is_registry(registry):
        words = "is no registry; write its host as images do: docker.io, registry.example.com:5000"
        raise InvalidInput((Objection("registry", words),))
    return registry_of(f"{registry}/any")


def _registries(task: Task) -> set[str]:
    """Return where the task's images come from, also before its last change: allocations of then may still begin."""
    specs = [task.spec, *([task.former.spec] if task.former is not None else [])]
    return {registry_of(spec.image) for spec in specs}


def _view(one: SealedAccount) -> AccountView:
    at = datetime.fromtimestamp(one.at_ms / 1000, UTC)
    return AccountView(registry=one.registry, username=one.username, at=at)
