"""One moment in every form: as drawn on a terminal of a given size, as lines, as JSON."""

from __future__ import annotations

import io
import json

import pytest

from cube.cli.displays import JsonLines, Lines, Live, Progress, Silent, bar, display_for, drawn
from cube.cli.frames import Frame, Row

PULLING = Row("web.1", "pulling", "w1", 2.5, "pulling nginx:1.27, 43 % of 68.0 MiB", 0.43)
FRAME = Frame(
    "web",
    "web: 1 of 3 ready",
    (
        PULLING,
        Row("web.2", "running", "w2", 71.0),
        Row("web.3", "waiting", detail="no node fits: 2 lack memory"),
    ),
)


def screen(frame: Frame, width: int, height: int) -> list[str]:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(drawn(frame, width, height))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_a_pull_is_a_bar_with_percent_and_bytes() -> None:
    assert [
        line.replace("◐ ", "").replace("● ", "").replace("○ ", "") for line in screen(FRAME, 90, 24)
    ] == [
        "web.1  pulling  w1   2.5s  [#########           ] pulling nginx:1.27, 43 % of 68.0 MiB",
        "web.2  running  w2  1m11s",
        "web.3  waiting  -          no node fits: 2 lack memory",
        "web: 1 of 3 ready",
    ]


def test_a_narrow_terminal_cuts_the_detail_and_nothing_else() -> None:
    shown = screen(FRAME, 50, 24)
    assert all(len(line) <= 50 for line in shown)
    assert shown[0].endswith("…")
    assert "web.1" in shown[0]


@pytest.mark.parametrize("height", [3, 10, 24])
def test_a_thousand_slots_never_take_more_lines_than_the_terminal_has(height: int) -> None:
    rows = tuple(Row(f"web.{n}", "running", "w1") for n in range(1000))
    assert len(screen(Frame("web", "web: 1000 of 1000 ready", rows), 80, height)) < height


@pytest.mark.parametrize(("share", "shown"), [(0.0, "[    ]"), (0.5, "[##  ]"), (1.0, "[####]")])
def test_a_bar_is_as_full_as_its_share(share: float, shown: str) -> None:
    assert bar(share, 4) == shown


def test_lines_are_changes_without_what_steers_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Lines().show(FRAME, ["web.1 on w1: pulling", "web.2 on w2: \x1b[2Jgone"])
    assert capsys.readouterr().err == "web.1 on w1: pulling\nweb.2 on w2:  [2Jgone\n"


def test_json_has_a_line_for_each_row_that_changed_and_one_for_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    display = JsonLines()
    display.show(FRAME, ["web.1 on w1: pulling"])
    display.show(FRAME, ["web: still waiting after 30s: 1 of 3 ready"])
    further = FRAME._replace(rows=(PULLING._replace(share=0.5, seconds=3.04), *FRAME.rows[1:]))
    display.show(further, [])
    display.end(0, "task web is running")

    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["type"], line.get("slot")) for line in told] == [
        ("slot", "web.1"),
        ("slot", "web.2"),
        ("slot", "web.3"),
        ("note", None),
        ("slot", "web.1"),
        ("end", None),
    ]
    assert told[4] == {
        "type": "slot",
        "subject": "web",
        "slot": "web.1",
        "state": "pulling",
        "node": "w1",
        "seconds": 3.0,
        "percent": 50,
        "message": "pulling nginx:1.27, 43 % of 68.0 MiB",
    }
    assert told[5] == {
        "type": "end",
        "subject": "web",
        "exit": 0,
        "message": "task web is running",
    }


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Silent() as display:
        display.show(FRAME, ["a change"])
        display.end(1, "it failed")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_keeps_the_last_picture(capsys: pytest.CaptureFixture[str]) -> None:
    with Live() as display:
        display.show(FRAME, ["web: the manager is away", "web.1 on w1: pulling"])
        display.end(0, "")
    shown = capsys.readouterr().err
    assert "web: the manager is away" in shown
    assert "web.1 on w1" not in shown


@pytest.mark.parametrize(
    ("progress", "quiet", "kind"),
    [
        (Progress.AUTO, False, Lines),  # stderr is no terminal here
        (Progress.AUTO, True, Silent),
        (Progress.TTY, False, Live),
        (Progress.PLAIN, False, Lines),
        (Progress.JSON, False, JsonLines),
        (Progress.QUIET, False, Silent),
    ],
)
def test_each_form_has_its_display(progress: Progress, quiet: bool, kind: type[Silent]) -> None:
    assert type(display_for(progress, quiet)) is kind
