"""What is wrong, as rows; held to a file that a person has read. `GOLDEN=write` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from cube.cli.attention import SHOWN, attention_table, without_told
from cube.cli.output import plain_rows
from cube.model.concern import Concern, Severity, Subject
from cube.model.task import TaskState
from cube.wire.views import TaskView
from cube.wire.watch import AttentionView
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager
from tests.cli.views import allocation, task

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "status"


def concern(
    severity: Severity, code: str, subject: Subject, name: str, reason: str, slots: int = 0
) -> Concern:
    return Concern(
        severity=severity,
        code=code,
        subject=subject,
        id=name,
        name=name,
        reason=reason,
        slots=slots,
    )


def attention(*concerns: Concern, warnings: int = 0) -> AttentionView:
    return AttentionView(
        errors=len(concerns), warnings=warnings, notices=0, concerns=tuple(concerns)
    )


WRONG = attention(
    concern(Severity.ERROR, "recovering", Subject.MANAGER, "", "the ledger is being recovered"),
    concern(Severity.ERROR, "lost", Subject.NODE, "w2", "not heard of; given up"),
    concern(Severity.ERROR, "crash_loop", Subject.TASK, "web", "web.1: restart 5 in 12 s", 3),
    concern(Severity.NOTICE, "draining", Subject.NODE, "w1", "2 containers left"),
)


def test_each_has_its_subject_its_state_and_its_reason() -> None:
    shown = "\n".join(plain_rows(attention_table(WRONG))) + "\n"
    golden = GOLDEN / "attention.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown)

    assert shown == golden.read_text()


def test_the_rest_of_many_is_counted_and_their_reasons_stay_with_the_tasks() -> None:
    tasks: list[TaskView] = [
        task(name=f"t{number:02}", id=f"t{number:02}", state=TaskState.FAILED, reason="exit 1")
        for number in range(14)
    ]
    concerns = [
        concern(Severity.ERROR, "failed", Subject.TASK, one.name, "exit 1") for one in tasks
    ]

    table = attention_table(attention(*concerns, warnings=100))

    assert len(table.rows) == SHOWN + 1
    assert table.rows[-1][0].text == "and 104 more"
    left = [one.name for one in without_told(concerns, tasks) if one.reason]
    assert left == ["t10", "t11", "t12", "t13"], "what is told above is not told again"


def test_status_tells_what_the_manager_calls_wrong_and_nothing_beside(
    manager: FakeManager, cube: Cube
) -> None:
    manager.tasks = [task(allocation(), state=TaskState.PENDING, reason="no node fits")]
    assert "ATTENTION" not in cube("status").err
    manager.attention = WRONG

    told = cube("status").err.splitlines()[1:]

    assert "\n".join(told) + "\n" == (GOLDEN / "attention.txt").read_text()
