"""A worker's identity outlives its process and belongs to one process at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from cube.errors import Conflict, CubeError
from cube.worker.identity import Identity


def test_it_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    first = Identity(tmp_path)
    first.join("cluster")
    node_id = first.node_id
    first.close()
    second = Identity(tmp_path)
    assert (second.node_id, second.cluster_id) == (node_id, "cluster")
    assert (tmp_path / "node.json").stat().st_mode & 0o777 == 0o600
    second.close()


def test_a_directory_in_use_is_refused_with_the_way_out(tmp_path: Path) -> None:
    first = Identity(tmp_path)
    with pytest.raises(Conflict, match="another worker") as caught:
        Identity(tmp_path)
    assert "--data" in caught.value.hint
    first.close()


def test_a_broken_file_is_not_replaced_by_a_new_identity(tmp_path: Path) -> None:
    (tmp_path / "node.json").write_text("{")
    with pytest.raises(CubeError, match="cannot be read"):
        Identity(tmp_path)
    assert (tmp_path / "node.json").read_text() == "{"
