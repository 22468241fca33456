"""`cube why` as in a pipe."""

from __future__ import annotations

import msgspec
import pytest

from cube.cli.placement_tables import why_table
from cube.errors import NotFound
from cube.model.resources import Resources
from cube.model.task import TaskState
from cube.wire.placement_views import NodeVerdictView, PictureView, RemedyView, SlotWhyView, WhyView
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json, refusal
from tests.cli.views import NOW

FULL = NodeVerdictView(
    node="w1", node_id="n-1", code="resources", reason="1 GiB memory short", short=Resources(0, 1)
)
CLOSED = NodeVerdictView(node="w2", node_id="n-2", code="cordoned", reason="is cordoned")
FIRST = NodeVerdictView(
    node="w1", node_id="n-1", place=1, scores={"replicas": 0, "share": 0.123456, "name": 1}
)
SECOND = NodeVerdictView(
    node="w2", node_id="n-2", place=2, scores={"replicas": 1, "share": None, "name": 0}
)
WAITING = SlotWhyView(name="web.1", slot=1, code="unplaceable", reason="no node fits")
RUNNING = SlotWhyView(
    name="web.2", slot=2, code="running", reason="", node="w1", assigned_at=NOW,
    chosen_then="the only node", place_now=1,
)  # fmt: skip
REMEDY = RemedyView(code="free", message="free 1 GiB memory on w1", nodes=1)
NO_ROOM = PictureView(slots=(1,), nearest="w1", nodes=(FULL, CLOSED), remedies=(REMEDY,))
ROOM = PictureView(slots=(2,), chosen="w1", why_chosen="w1 before w2", nodes=(FIRST, SECOND))


def told(*slots: SlotWhyView, pictures: tuple[PictureView, ...], **more: object) -> WhyView:
    fields = {
        "task_id": "t-web", "task": "web", "state": TaskState.PENDING, "strategy": "spread",
        "answer": "web.1 waits: no node fits", "waits": WAITING in slots,
    }  # fmt: skip
    return msgspec.convert(fields | more | {"slots": slots, "pictures": pictures}, WhyView)


def test_a_waiting_task_gets_a_sentence_every_node_and_what_would_help(
    manager: FakeManager, cube: Cube
) -> None:
    manager.answer("GET", "/task/web/explain", json(told(WAITING, pictures=(NO_ROOM,))))

    assert cube("why", "web") == (
        4,
        "web.1 waits: no node fits\n"
        "\n"
        "NODE  PLACE  REFUSED BY  REASON\n"
        "w1    no     resources   1 GiB memory short\n"
        "w2    no     cordoned    is cordoned\n"
        "\n"
        "what would help:\n"
        "  free 1 GiB memory on w1\n",
        "",
    )


def test_a_running_slot_gets_the_scores_of_all_nodes(manager: FakeManager, cube: Cube) -> None:
    answer = "web.2 runs on w1: the only node"
    manager.answer("GET", "/task/web.2/explain", refusal(NotFound("there is no task web.2")))
    view = told(RUNNING, pictures=(ROOM,), answer=answer)
    manager.answer("GET", "/task/web/explain", json(view))

    assert cube("why", "web.2") == (
        0,
        f"{answer}\n"
        "\n"
        "NODE  PLACE  REPLICAS  SHARE\n"
        "w1    1      0         0.1235\n"
        "w2    2      1         unknown\n"
        "\n"
        "now: w1 before w2\n",
        "",
    )
    assert [one.query for one in manager.requests("GET", "/task/web/explain")] == [{"slot": "2"}]


def test_several_slots_get_a_row_each_and_a_picture_where_they_wait(
    manager: FakeManager, cube: Cube
) -> None:
    view = told(WAITING, RUNNING, pictures=(NO_ROOM, ROOM), left_out=(3, 4))
    manager.answer("GET", "/task/web/explain", json(view))
    code, out, _ = cube("why", "web")

    assert code == 4
    assert "for web.1:\nNODE" in out
    assert "for web.2:" not in out
    assert "too many to tell of all; `cube why web.SLOT` tells of web.3, web.4\n" in out
    rows = [[cell.text for cell in row] for row in why_table(view, NOW).rows]
    assert rows == [
        ["web.1", "unplaceable", "-", "-", "-", "no node fits"],
        ["web.2", "running", "w1", "0s", "1 of 2", "the only node"],
    ]


def test_a_node_that_refuses_has_no_scores(manager: FakeManager, cube: Cube) -> None:
    some = PictureView(slots=(2,), chosen="w1", nodes=(FIRST, CLOSED))
    manager.answer("GET", "/task/web/explain", json(told(RUNNING, pictures=(some,))))
    assert cube("why", "web").out.splitlines()[2:5] == [
        "NODE  PLACE  REPLICAS  SHARE   REFUSED BY  REASON",
        "w1    1      0         0.1235  -",
        "w2    no     -         -       cordoned    is cordoned",
    ]


def test_a_node_that_would_not_take_it_again_is_told(manager: FakeManager, cube: Cube) -> None:
    closed = msgspec.structs.replace(RUNNING, place_now=0)
    rows = why_table(told(closed, pictures=(ROOM,)), NOW).rows
    assert rows[0][4].text == "no"


def test_without_any_node_the_sentence_is_all(manager: FakeManager, cube: Cube) -> None:
    empty = PictureView(slots=(1,), nodes=())
    manager.answer("GET", "/task/web/explain", json(told(WAITING, pictures=(empty,))))
    assert cube("why", "web").out == "web.1 waits: no node fits\n"


@pytest.mark.parametrize(
    ("format", "begins"), [("json", "{"), ("yaml", "answer: "), ("name", "web.1\n")]
)
def test_other_formats(manager: FakeManager, cube: Cube, format: str, begins: str) -> None:
    manager.answer("GET", "/task/web/explain", json(told(WAITING, pictures=(NO_ROOM,))))
    code, out, _ = cube("why", "web", "-o", format)
    assert code == 4
    assert out.startswith(begins) or begins in out


def test_what_is_not_there_is_not_found(manager: FakeManager, cube: Cube) -> None:
    assert cube("why", "nope").code == 3
    assert cube("why", "nope.1").code == 3
    assert cube("why", "nope.x").code == 3
    assert [one.path for one in manager.asked] == [
        "/task/nope/explain",
        "/task/nope.1/explain",
        "/task/nope/explain",
        "/task/nope.x/explain",
    ]
