"""What is known of lost history, and the numbers that it may have used."""

from __future__ import annotations

from cube.model.lineage import REVISIONS_SKIPPED, Gap, Lineage

NOW = 1_700_000_000_000


def test_a_ledger_without_losses_knows_of_none() -> None:
    whole = Lineage()
    assert (whole.revision, whole.generation, whole.recovering) == (0, 0, False)
    assert not whole.lost(1)


def test_what_came_after_the_state_it_was_put_back_to_is_lost() -> None:
    lineage = Lineage().put_back(40, now_ms=NOW)
    assert lineage.recovering
    assert [lineage.lost(revision) for revision in (40, 41, lineage.revision)] == [
        False,
        True,
        False,
    ]


def test_the_numbers_go_on_from_the_time() -> None:
    lineage = Lineage().put_back(40, now_ms=NOW)
    assert (lineage.revision, lineage.generation) == (NOW * 1000, NOW // 1000)


def test_two_ledgers_put_back_to_the_same_state_give_different_numbers() -> None:
    first, second = (Lineage().put_back(40, now_ms=NOW + later) for later in (0, 2_000))
    assert second.lost(first.revision + 1)
    assert second.generation > first.generation + 1


def test_a_clock_that_is_far_behind_does_not_lead_back() -> None:
    lineage = Lineage().put_back(40, now_ms=NOW).put_back(NOW * 1000 + 7, now_ms=0)
    assert lineage.revision == NOW * 1000 + 7 + REVISIONS_SKIPPED
    assert len(lineage.gaps) == 2


def test_it_leaps_over_all_that_others_have_seen() -> None:
    lineage = Lineage().put_back(40, now_ms=0, seen=5_000)
    assert lineage.revision == 5_000 + REVISIONS_SKIPPED
    assert lineage.lost(5_000)


def test_going_back_some_events_does_not_count_those_that_were_lost() -> None:
    lineage = Lineage((Gap(40, 1_000), Gap(1_010, 5_000)))
    assert lineage.back(5_003, 3) == 5_000
    assert lineage.back(5_003, 4) == 1_009
    assert lineage.back(5_003, 13) == 1_000
    assert lineage.back(5_003, 20) == 33
    assert lineage.back(5_003, 100) < 0
    assert Lineage().back(50, 10) == 40
