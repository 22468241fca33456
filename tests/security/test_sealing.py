"""Sealing under a key of its own file: what opens, what does not, and what is said of a key that is gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cube.security.sealing import KEY_FILE, KeyLost, load_key


def test_what_was_sealed_opens_with_the_key_of_the_folder(tmp_path: Path) -> None:
    sealed = load_key(tmp_path, make=True).seal("db", 1, b"hidden")

    assert b"hidden" not in sealed
    assert load_key(tmp_path, make=False).open("db", 1, sealed) == b"hidden"
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_the_same_value_is_sealed_differently_each_time(tmp_path: Path) -> None:
    sealer = load_key(tmp_path, make=True)
    assert sealer.seal("db", 1, b"x") != sealer.seal("db", 1, b"x")


@pytest.mark.parametrize(("name", "version"), [("other", 1), ("db", 2)])
def test_nothing_opens_under_another_name_or_version(
    tmp_path: Path, name: str, version: int
) -> None:
    sealer = load_key(tmp_path, make=True)
    with pytest.raises(KeyLost, match="does not open"):
        sealer.open(name, version, sealer.seal("db", 1, b"x"))


def test_what_was_changed_or_cut_does_not_open(tmp_path: Path) -> None:
    sealer = load_key(tmp_path, make=True)
    sealed = sealer.seal("db", 1, b"x")
    for broken in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:5], b""):
        with pytest.raises(KeyLost):
            sealer.open("db", 1, broken)


def test_a_key_that_is_gone_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyLost, match="is gone") as raised:
        load_key(tmp_path, make=False)
    assert "cube secret rm" in raised.value.hint


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    load_key(tmp_path, make=True)
    (tmp_path / KEY_FILE).chmod(0o640)
    with pytest.raises(KeyLost, match="others may read"):
        load_key(tmp_path, make=False)


def test_a_link_or_something_else_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(os.urandom(32))
    (tmp_path / KEY_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyLost, match="cannot be read"):
        load_key(tmp_path, make=True)

    (tmp_path / KEY_FILE).unlink()
    (tmp_path / KEY_FILE).write_bytes(b"short")
    (tmp_path / KEY_FILE).chmod(0o600)
    with pytest.raises(KeyLost, match="not a key"):
        load_key(tmp_path, make=True)
