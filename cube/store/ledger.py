"""The ledger: the manager's durable memory. What `commit` has answered survives a crash of process and machine.

Failures
- LedgerFull: nothing more is recorded until `recover`; reading goes on.
- LedgerBroken: nothing more is recorded by this process. A sync that failed is not tried again; a new process reads
  what the disk really holds.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Self

from cube.core.audit import Verdict
from cube.core.effects import Snapshot, Writes
from cube.errors import CubeError, ManagerAway, Overloaded
from cube.model.account import SealedAccount
from cube.model.audit import AuditEntry
from cube.model.event import TaskEvent
from cube.model.ids import NodeId, TaskId
from cube.model.membership import Credential, JoinToken
from cube.model.secret import SealedSecret
from cube.model.token import Token, TokenId
from cube.store import accounts, history, secrets, tables
from cube.store import audit as audit_table
from cube.store.audit import NumberedEntry
from cube.store.backup import Backup, write_backup
from cube.store.database import Database
from cube.store.directory import LEDGER_FILE
from cube.store.opening import open_ledger
from cube.store.records import RequestRecord, membership_rows, rows_of, rows_of_tokens
from cube.store.witness import WITNESS_FILE, Witness
from cube.store.writer import Writer

__all__ = ["Ledger", "RequestRecord"]

READ_SECONDS = 30.0  # behind a full queue of commits on a slow disk
WHOLE_SECONDS = 600.0  # a million allocations from a cold disk


class Ledger:
    """The open ledger of one data directory. Use it from the event loop it was opened on."""

    def __init__(self, database: Database, witness: Witness) -> None:
        self._database = database
        self._writer = Writer(database, witness)
        self._closed = False

    @classmethod
    async def open(
        cls, directory: Path, *, mint_cluster_id: Callable[[], str], now_ms: int
    ) -> Self:
        """Open the ledger in this directory, and make both where they are missing.

        LedgerHeld when another manager has it, LedgerBroken when it is not as it was left, NotAllowed when it is not
        this user's alone. A refused ledger keeps everything it holds.
        """
        database = Database(directory / LEDGER_FILE)
        witness = Witness(directory / WITNESS_FILE)
        await database.open(
            partial(
                open_ledger,
                directory,
                witness=witness,
                mint_cluster_id=mint_cluster_id,
                now_ms=now_ms,
            )
        )
        return cls(database, witness)

    @property
    def waiting(self) -> int:
        """How many commits are not durable yet."""
        return self._writer.waiting

    @property
    def transactions(self) -> int:
        """How many transactions were made of all commits since it was opened."""
        return self._writer.transactions

    def sizes(self) -> dict[str, int]:
        """Return the bytes of `ledger` and of `log`, which is not folded into it yet. From any thread."""
        ledger = self._database.path
        files = {"ledger": ledger, "log": ledger.with_name(f"{ledger.name}-wal")}
        return {name: file.stat().st_size for name, file in files.items() if file.exists()}

    async def load(self) -> Snapshot:
        """Return everything decisions are made from, as of the commits made so far."""
        return await self._database.call(tables.read_state, within=WHOLE_SECONDS)

    def commit(
        self,
        writes: Writes,
        request: RequestRecord | None = None,
        audit: Iterable[AuditEntry] = (),
    ) -> asyncio.Future[None]:
        """Queue one transaction. The future resolves once it is durable, after those of all earlier calls.

        Empty writes are a barrier: nothing is written, the future resolves when everything before is durable. The
        future fails with LedgerFull, LedgerBroken or Overloaded; then all later ones fail too, until `recover`.
        There is no time limit: nobody could say whether a change that timed out happened.
        """
        return self._writer.commit(rows_of(writes, request, audit))

    def commit_tokens(
        self, tokens: Mapping[TokenId, Token | None], audit: Iterable[AuditEntry] = ()
    ) -> asyncio.Future[None]:
        """Queue one transaction that records these tokens, None for one that is no more. As `commit`."""
        return self._writer.commit(rows_of_tokens(tokens, audit))

    async def tokens(self) -> list[Token]:
        """Return what is on record of every token."""
        return await self._database.call(tables.read_tokens, within=READ_SECONDS)

    async def audit(self, *, before: int | None = None, limit: int = 100) -> list[NumberedEntry]:
        """Return the newest entries of the audit, those below the number `before` if it is given; oldest first."""
        read = partial(audit_table.read, before=before, limit=limit)
        return await self._database.call(read, within=READ_SECONDS)

    async def verify_audit(self) -> Verdict:
        """Go along the chain of the audit, from its beginning to its end."""
        return await self._database.call(audit_table.verify, within=WHOLE_SECONDS)

    async def prune_audit(self, *, kept: int) -> bool:
        """Forget some thousands of the entries beyond the newest `kept`; return whether more are left to forget."""
        work = partial(audit_table.prune, kept=kept)
        return await self._database.call(
            lambda connection: self._writer.run(connection, work), within=READ_SECONDS
        )

    async def membership(self) -> tuple[list[JoinToken], list[Credential]]:
        """Return who may join, and what is known of those who have."""
        return await self._database.call(tables.read_membership, within=READ_SECONDS)

    def commit_membership(
        self,
        tokens: Mapping[str, JoinToken | None],
        credentials: Mapping[NodeId, Credential | None],
        audit: Iterable[AuditEntry] = (),
    ) -> asyncio.Future[None]:
        """Queue a change of those in one transaction, as `commit` does. None: deleted."""
        return self._writer.commit(membership_rows(tokens, credentials, audit))

    async def recover(self) -> Snapshot:
        """Take commits again after LedgerFull or Overloaded, and return what is recorded.

        LedgerFull while there is still no room; LedgerBroken, again, after that. Commits made meanwhile fail.
        """
        self._writer.refuse(self._writer.failure or Overloaded("the ledger is being read again"))
        try:
            snapshot = await self._database.call(self._begin_again, within=WHOLE_SECONDS)
        except CubeError as error:
            self._writer.refuse(error)
            raise
        if not self._closed:
            self._writer.refuse(None)
        return snapshot

    def _begin_again(self, connection: sqlite3.Connection) -> Snapshot:
        self._writer.begin_again(connection)
        return tables.read_state(connection)

    async def request(self, key: str) -> RequestRecord | None:
        """Return what was recorded under an idempotency key, None when there is nothing or it was pruned."""
        return await self._database.call(
            lambda connection: tables.read_request(connection, key), within=READ_SECONDS
        )

    async def events(
        self,
        *,
        after: int = 0,
        limit: int = 100,
        newest: bool = False,
        task_id: TaskId | None = None,
        node_id: NodeId | None = None,
        kind: str | None = None,
    ) -> list[TaskEvent]:
        """Return events after a revision, oldest first: the first `limit` of them, with `newest` the last."""
        read = partial(
            history.read_events,
            after=after,
            limit=limit,
            newest=newest,
            task_id=task_id,
            node_id=node_id,
            kind=kind,
        )
        return await self._database.call(read, within=READ_SECONDS)

    async def revision(self) -> int:
        """Return the revision of the newest change on record."""
        return await self._database.call(tables.read_revision, within=READ_SECONDS)

    async def oldest_revision(self) -> int:
        """Return the revision of the oldest event still kept, 0 where there is none."""
        return await self._database.call(history.oldest_revision, within=READ_SECONDS)

    async def prune(self, *, events_kept: int, requests_before_ms: int) -> bool:
        """Forget old events and requests, some thousands of each; return whether more are left to forget."""
        work = partial(
            history.prune, events_kept=events_kept, requests_before_ms=requests_before_ms
        )
        return await self._database.call(
            lambda connection: self._writer.run(connection, work), within=READ_SECONDS
        )

    async def put_secret(
        self, secret: SealedSecret, *, oldest: int, audit: Iterable[AuditEntry] = ()
    ) -> None:
        """Record a version of a secret, and forget those before `oldest`."""
        work = partial(secrets.put, secret=secret, oldest=oldest, audit=audit)
        await self._database.call(lambda held: self._writer.run(held, work), within=READ_SECONDS)

    async def remove_secret(self, name: str, audit: Iterable[AuditEntry] = ()) -> int:
        """Forget a secret and return how many versions there were. Of none, nothing is noted."""
        work = partial(secrets.remove, name=name, audit=audit)
        return await self._database.call(
            lambda held: self._writer.run(held, work), within=READ_SECONDS
        )

    async def secret(self, name: str) -> list[SealedSecret]:
        """Return the versions of one secret, sealed, the oldest first."""
        read = partial(secrets.versions, name=name)
        return await self._database.call(read, within=READ_SECONDS)

    async def secrets(self) -> list[SealedSecret]:
        """Return the newest version of each secret, sealed."""
        return await self._database.call(secrets.newest, within=READ_SECONDS)

    async def put_account(self, account: SealedAccount, audit: Iterable[AuditEntry] = ()) -> None:
        """Record the account in place of any other at its registry."""
        work = partial(accounts.put, account=account, audit=audit)
        await self._database.call(lambda held: self._writer.run(held, work), within=READ_SECONDS)

    async def remove_account(self, registry: str, audit: Iterable[AuditEntry] = ()) -> bool:
        """Forget an account and return whether there was one. Of none, nothing is noted."""
        work = partial(accounts.remove, registry=registry, audit=audit)
        return await self._database.call(
            lambda held: self._writer.run(held, work), within=READ_SECONDS
        )

    async def accounts(self) -> list[SealedAccount]:
        """Return all accounts, sealed, by registry."""
        return await self._database.call(accounts.everything, within=READ_SECONDS)

    async def backup(self, *, now_ms: int) -> Backup:
        """Copy everything recorded so far, and what is recorded meanwhile, to a file among the backups.

        Commits go on between its parts. One at a time. LedgerFull when there is no room for it.
        """

        def copy(connection: sqlite3.Connection) -> Backup:
            return write_backup(
                connection,
                self._database.path.parent,
                now_ms=now_ms,
                between=lambda: self._database.do_waiting(connection),
            )

        return await self._database.call(copy, within=WHOLE_SECONDS)

    async def close(self) -> None:
        """Make everything queued durable, fold the log into the file, and let the directory go. Repeats safely.

        After LedgerBroken the files stay as they are: what the disk did not take is not tried again.
        """
        self._closed = True
        self._writer.refuse(ManagerAway("the manager is stopping"))
        self._database.post(self._writer.give_up_if_broken)
        await self._database.close(within=WHOLE_SECONDS)
