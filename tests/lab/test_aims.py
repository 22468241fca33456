from __future__ import annotations

from tests.lab.aims import MISSED, Aim, Measured, times_table


def test_a_missed_aim_stands_out_and_a_kept_one_does_not() -> None:
    samples = [1.0, 2.0, 3.0]

    assert Measured("crash", samples, Aim(p50=2, p99=3)).row() == (
        "crash", "3", "1.00", "2.00", "3.00", "3.00", "p50 2, p99 3", "yes"
    )  # fmt: skip
    for missed in (Aim(p50=1.9), Aim(p99=2.9), Aim(most=2.9)):
        assert Measured("crash", samples, missed).row()[-1] == MISSED


def test_what_has_no_aim_is_not_judged() -> None:
    assert Measured("boot", [1.0]).row()[-2:] == ("", "")


def test_what_was_never_measured_has_a_row_of_its_own() -> None:
    assert "| 0 |" in times_table([Measured("cut", [])])
