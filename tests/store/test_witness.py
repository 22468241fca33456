from __future__ import annotations

from pathlib import Path

import pytest

from cube.store.failures import Unusable
from cube.store.witness import Witness
from tests.store.ledger_builders import a_commit, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a witness is kept."""
    return tmp_path / "ledger.witness"


def noted(path: Path, *revisions: int) -> Witness:
    """Return a new witness of what an earlier one noted."""
    earlier = Witness(path)
    for revision in revisions:
        earlier.note(revision)
    earlier.close()
    return Witness(path)


def test_a_ledger_that_ends_before_what_was_noted_has_lost_something(path: Path) -> None:
    witness = noted(path, 7)
    with pytest.raises(Unusable) as refused:
        witness.check(6)

    assert "it ends at revision 6, and 7 was recorded" in refused.value.reason
    assert f"cube manager recover --data {path.parent}" in refused.value.hint


def test_a_ledger_may_end_behind_what_was_noted(path: Path) -> None:
    noted(path, 7).check(7)
    noted(path, 7).check(8)
    Witness(path.with_name("none")).check(0)


def test_the_newest_note_counts_whatever_its_length(path: Path) -> None:
    with pytest.raises(Unusable):
        noted(path, 5, 1_000_000).check(999_999)
    noted(path, 3).check(3)


@pytest.mark.parametrize("text", [b"", b"7\n", b"\0" * 29, b"0000000000000000009 00000000\n", b"x"])
def test_what_is_no_note_says_nothing_about_the_ledger(path: Path, text: bytes) -> None:
    path.write_bytes(text)

    Witness(path).check(0)


def test_a_forgotten_note_is_gone(path: Path) -> None:
    witness = noted(path, 7)
    witness.forget()
    witness.forget()

    noted(path).check(0)


def test_a_note_that_cannot_be_made_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    Witness(tmp_path / "link").note(7)

    assert (tmp_path / "elsewhere").read_bytes() == b""


async def test_each_recorded_revision_is_noted_and_a_clean_close_forgets_it(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "ledger.witness")
    async with opened(tmp_path) as ledger:
        await ledger.commit(a_commit(1))
        await ledger.commit(a_commit(2))
        witness.check(2)
        with pytest.raises(Unusable, match="2 was recorded"):
            witness.check(1)
    witness.check(0)
