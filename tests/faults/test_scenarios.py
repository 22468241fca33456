"""Each scenario in short; scripts/faults runs them at full length."""

from __future__ import annotations

import pytest

from cube.store import opening
from cube.store.witness import Witness
from tests.faults import (
    corruptions,
    crashes,
    errors,
    full_disk,
    kills,
    restart,
    slow_disk,
    writes,
)

pytestmark = pytest.mark.slow


def test_a_manager_killed_under_load_loses_doubles_and_revives_nothing() -> None:
    assert kills.measure(4, real=False, least_rate=1).violations == []


def test_a_kill_at_any_write_leaves_what_was_acknowledged() -> None:
    assert writes.measure(30, commits=12).violations == []


def test_an_error_at_any_write_leaves_what_was_acknowledged() -> None:
    assert errors.measure(40, commits=12).violations == []


def test_a_power_cut_leaves_what_was_acknowledged() -> None:
    assert crashes.measure(60, commits=40).violations == []


def test_power_cuts_find_a_ledger_that_does_not_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = tuple(one.replace("FULL", "NORMAL") for one in opening._SETTINGS)
    monkeypatch.setattr(opening, "_SETTINGS", lazy)

    assert crashes.measure(20, commits=40).violations != []


def test_damage_is_never_served() -> None:
    assert corruptions.measure(40, commits=40).violations == []


def test_damage_finds_a_ledger_without_its_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Witness, "check", lambda self, revision: None)

    assert corruptions.measure(40, commits=40).violations != []


@pytest.mark.lab
def test_a_full_disk_refuses_changes_until_there_is_room() -> None:
    assert full_disk.measure(2).violations == []


def test_a_slow_disk_costs_no_worker() -> None:
    assert slow_disk.measure(4).violations == []


def test_a_restarted_manager_has_all_its_tasks() -> None:
    assert restart.measure(1, tasks=200).violations == []
