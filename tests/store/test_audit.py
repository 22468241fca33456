"""The audit on record: in the order of the commits, bounded, and its chain shows what was done to it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from cube.core.effects import Writes
from cube.model.audit import AuditEntry
from cube.store.ledger import Ledger


def an_entry(number: int) -> AuditEntry:
    return AuditEntry(at_ms=number, principal="unix:0", action="createTask", outcome=201)


async def opened(directory: Path) -> Ledger:
    return await Ledger.open(directory, mint_cluster_id=lambda: "c", now_ms=0)


async def with_entries(directory: Path, count: int) -> Ledger:
    ledger = await opened(directory)
    for number in range(1, count + 1):
        await ledger.commit(Writes(), None, (an_entry(number),))
    return ledger


async def test_entries_come_back_in_their_order_page_by_page(tmp_path: Path) -> None:
    ledger = await with_entries(tmp_path, 5)
    assert [one.number for one in await ledger.audit(limit=2)] == [4, 5]
    assert [one.entry for one in await ledger.audit(before=4, limit=2)] == [
        an_entry(2),
        an_entry(3),
    ]
    await ledger.close()


async def test_the_chain_goes_on_after_a_restart_and_after_the_oldest_are_forgotten(
    tmp_path: Path,
) -> None:
    await (await with_entries(tmp_path, 5)).close()
    ledger = await opened(tmp_path)
    assert not await ledger.prune_audit(kept=2)
    await ledger.commit(Writes(), None, (an_entry(6), an_entry(7)))
    verdict = await ledger.verify_audit()
    assert (verdict.fault, verdict.entries, verdict.first, verdict.head.number) == ("", 4, 4, 7)
    assert not await ledger.prune_audit(kept=100)
    await ledger.close()


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit SET body = replace(body, '201', '403') WHERE number = 3", "entry 3 is not"),
        ("DELETE FROM audit WHERE number = 2", "entry 2 is missing"),
        ("DELETE FROM audit WHERE number > 3", "entries 4 to 5 are missing"),
        ("DELETE FROM audit", "entries 1 to 5 are missing"),
    ],
)
async def test_a33_what_was_changed_or_taken_out_is_named(
    tmp_path: Path, statement: str, fault: str
) -> None:
    await (await with_entries(tmp_path, 5)).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        connection.execute(statement)
    ledger = await opened(tmp_path)
    assert fault in (await ledger.verify_audit()).fault
    await ledger.close()
