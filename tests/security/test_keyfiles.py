from __future__ import annotations

import os
from pathlib import Path

import pytest

from cube.errors import CubeError, NotAllowed
from cube.security.keyfiles import private_directory, read_private, write_private


def test_files_and_folder_are_closed_to_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private_directory(tmp_path / "ca")
        write_private(tmp_path / "ca/key", b"secret")
    finally:
        os.umask(before)
    assert (tmp_path / "ca").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "ca/key").stat().st_mode & 0o777 == 0o600
    assert read_private(tmp_path / "ca/key") == b"secret"
    assert [path.name for path in (tmp_path / "ca").iterdir()] == ["key"]


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert read_private(tmp_path / "nothing") is None


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "ca").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CubeError):
        private_directory(tmp_path / "ca")
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / "key").symlink_to(tmp_path / "target")
    with pytest.raises(CubeError, match="cannot be used"):
        read_private(tmp_path / "key")
    write_private(tmp_path / "key", b"new")
    assert (tmp_path / "target").read_bytes() == b"x"


def test_a_planted_half_written_file_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / ".key.new").symlink_to(tmp_path / "target")
    write_private(tmp_path / "key", b"new")
    assert (tmp_path / "target").read_bytes() == b"x"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    write_private(tmp_path / "key", b"secret")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(NotAllowed, match="others can read") as refused:
        read_private(tmp_path / "key")
    assert "chmod 600" in refused.value.hint
