"""The sealed versions in the ledger."""

from __future__ import annotations

from pathlib import Path

from cube.model.audit import AuditEntry
from cube.model.secret import SealedSecret
from cube.store.ledger import Ledger


def a_version(name: str, version: int) -> SealedSecret:
    return SealedSecret(name, version, version * 10, 1000, b"sealed")


async def test_versions_are_kept_as_long_as_they_are_needed(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "data", mint_cluster_id=lambda: "c", now_ms=1)
    try:
        await ledger.put_secret(a_version("db", 1), oldest=1)
        await ledger.put_secret(a_version("db", 2), oldest=1)
        await ledger.put_secret(a_version("api", 1), oldest=1)
        assert await ledger.secret("db") == [a_version("db", 1), a_version("db", 2)]
        assert await ledger.secrets() == [a_version("api", 1), a_version("db", 2)]

        await ledger.put_secret(a_version("db", 3), oldest=2)
        assert [one.version for one in await ledger.secret("db")] == [2, 3]

        assert await ledger.remove_secret("db") == 2
        assert await ledger.remove_secret("db") == 0
        assert await ledger.secret("db") == []
    finally:
        await ledger.close()


async def test_who_changed_a_secret_is_on_record_with_the_change(tmp_path: Path) -> None:
    def entry(action: str) -> AuditEntry:
        return AuditEntry(at_ms=1, principal="unix:0", action=action, object="db", outcome=200)

    ledger = await Ledger.open(tmp_path / "data", mint_cluster_id=lambda: "c", now_ms=1)
    try:
        await ledger.put_secret(a_version("db", 1), oldest=1, audit=(entry("setSecret"),))
        await ledger.remove_secret("db", (entry("removeSecret"),))
        await ledger.remove_secret("db", (entry("removed what there was none of"),))
        kept = [one.entry for one in await ledger.audit()]
        assert kept == [entry("setSecret"), entry("removeSecret")]
        assert (await ledger.verify_audit()).fault == ""
    finally:
        await ledger.close()
