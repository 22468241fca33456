"""`cube dev`: everything in one process."""

from __future__ import annotations

import os
from pathlib import Path

from cube.cli.dev import welcome, worker_settings
from tests.cli.conftest import Cube


def test_the_workers_of_dev_share_the_machine(tmp_path: Path) -> None:
    settings = worker_settings(3, 5555, tmp_path, "")

    assert [one.name for one in settings] == ["w1", "w2", "w3"]
    assert len({one.data for one in settings}) == 3
    assert all(one.port == 0 for one in settings)
    assert sum(one.cpu_millis for one in settings) <= (os.cpu_count() or 1) * 1000


def test_it_says_what_to_do_next(tmp_path: Path) -> None:
    told = welcome("2 workers", 5656, tmp_path, True)

    assert "ready on 127.0.0.1:5656 with 2 workers" in told
    assert "  cube run -m 127.0.0.1:5656 --name hello busybox echo hello" in told.splitlines()
    assert told.endswith("Ctrl-C stops everything.")
    assert " -m " not in welcome("2 workers", 5555, tmp_path, True)


def test_workers_are_on_docker_or_simulated_but_not_both(cube: Cube) -> None:
    code, out, err = cube("dev", "--workers", "2", "--simulate", "3")
    assert (code, out) == (2, "")
    assert "--workers: start workers on Docker, --simulate others instead" in err
