"""What the stories on real processes share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.processes import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A place for a cluster of processes; everything it made is gone afterwards."""
    cluster = Cluster(tmp_path)
    try:
        yield cluster
    finally:
        cluster.end()
