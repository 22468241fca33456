from __future__ import annotations

from tests.faults.findings import EXAMPLES, Findings


def test_a_promise_that_was_not_kept_is_a_violation_and_said_so() -> None:
    findings = Findings("kills")
    findings.row("kills", 3)
    findings.row("at most 2 s", "3.1", kept=False)
    findings.none("lost", [])

    assert findings.violations == ["at most 2 s: 3.1"]
    assert "| at most 2 s | 3.1  | NO          |" in findings.markdown()
    assert "| lost        | 0    | yes         |" in findings.markdown()


def test_what_went_wrong_often_is_counted() -> None:
    findings = Findings("kills")
    findings.none("lost", [f"task {number}" for number in range(EXAMPLES + 3)])

    assert "- task 0" in findings.markdown()
    assert findings.markdown().endswith("- and 3 more")
