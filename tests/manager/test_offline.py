"""The care of a ledger on which no manager runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cube.errors import LedgerBroken, LedgerHeld
from cube.manager import offline
from cube.store.backup import verify
from tests.store.ledger_builders import a_commit, opened


async def a_ledger(data: Path) -> None:
    async with opened(data) as ledger:
        await ledger.commit(a_commit(1))


async def test_a_backup_is_made_without_a_manager(tmp_path: Path) -> None:
    await a_ledger(tmp_path)
    made = offline.backup(tmp_path)

    assert made.revision == 1
    assert verify(Path(made.path)).revision == 1


async def test_a_running_manager_is_left_to_do_it_itself(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(LedgerHeld):
            offline.backup(tmp_path)


def test_where_no_ledger_is_there_is_nothing_to_copy(tmp_path: Path) -> None:
    with pytest.raises(LedgerBroken):
        offline.backup(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


async def test_a_damaged_ledger_is_recovered_from_its_backup(tmp_path: Path) -> None:
    await a_ledger(tmp_path)
    offline.backup(tmp_path)
    assert offline.recover(tmp_path, "") is None
    (tmp_path / "ledger.db").write_bytes(b"\0" * 4096)
    restored = offline.recover(tmp_path, "")

    assert restored is not None
    assert (restored.cluster_id, restored.revision) == ("cluster-1", 1)


async def test_a_backup_is_put_back_by_name(tmp_path: Path) -> None:
    await a_ledger(tmp_path)
    made = offline.backup(tmp_path)
    restored = offline.restore(tmp_path, Path(made.path))

    assert restored.backup == Path(made.path)
    async with opened(tmp_path) as ledger:
        assert (await ledger.load()).lineage.recovering
