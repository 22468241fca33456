"""The page as the server draws it: the same tables, and nothing in them that a browser takes for markup."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from cube.manager.page.assets import frame
from cube.manager.page.rendering import Sight, drawn, fill, node_word, task_word
from cube.model.concern import Concern, Severity, Subject
from cube.model.event import EventKind
from cube.model.node import Availability, Condition
from cube.model.task import Goal, TaskState
from cube.wire.views import EventView, NodeView, TaskView
from cube.wire.watch import AttentionView
from tests.cli.views import allocation, node, task

AT = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>\"' onclick='alert(2)' </td><script>alert(3)</script>"
NOTHING = AttentionView(errors=0, warnings=0, notices=0, concerns=())


class Seen(HTMLParser):
    """The elements and the text of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name == "href" and value]

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(sight: Sight) -> Seen:
    parser = Seen()
    parser.feed(fill(frame(), drawn(sight)))
    return parser


def sight(
    *,
    nodes: tuple[NodeView, ...] = (),
    tasks: tuple[TaskView, ...] = (),
    attention: AttentionView = NOTHING,
    events: tuple[EventView, ...] = (),
    left_out: int = 0,
) -> Sight:
    return Sight(
        at=AT,
        revision=7,
        attention=attention,
        nodes=nodes,
        tasks=tasks,
        left_out=left_out,
        events=events,
    )


def test_everything_is_in_the_tables_without_any_script() -> None:
    concern = Concern(
        severity=Severity.ERROR,
        code="lost",
        subject=Subject.NODE,
        id="n9",
        name="w9",
        reason="not heard of; given up",
    )
    page = seen(
        sight(
            nodes=(node("w1"),),
            tasks=(task(allocation()),),
            attention=AttentionView(errors=1, warnings=0, notices=0, concerns=(concern,)),
            events=(EventView(revision=7, at=AT, kind=EventKind.TASK_CREATED, task="web"),),
            left_out=3,
        )
    )
    for words in ("w1", "web", "given up", "task.created", "3 more tasks", "revision 7"):
        assert words in page.text, words


def test_nothing_that_the_cluster_says_becomes_markup() -> None:
    plain = seen(sight(nodes=(node("w1"),), tasks=(task(allocation()),)))
    machine = msgspec.structs.replace(
        node(HOSTILE), quarantine=HOSTILE, runtime=HOSTILE, id=HOSTILE
    )
    work = msgspec.structs.replace(task(name=HOSTILE), image=HOSTILE, reason=HOSTILE, id=HOSTILE)
    page = seen(sight(nodes=(machine,), tasks=(work,)))

    assert page.tags == plain.tags
    assert page.attributes == plain.attributes
    assert page.text.count("<script>alert(3)</script>") >= 5
    assert all(link.startswith(("/", "#")) for link in page.links)
    assert not any("<" in link or ":" in link for link in page.links)


def test_without_parts_the_frame_tells_nothing() -> None:
    empty = fill(frame(), {})
    assert "<!--" not in empty
    assert "<tbody></tbody>" in empty


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "ready"),
        ({"quarantine": "two workers say to be it", "condition": Condition.LOST}, "quarantined"),
        ({"condition": Condition.SUSPECT}, "suspect"),
        ({"runtime_error": "docker is away"}, "engine away"),
        ({"availability": Availability.DRAINING}, "draining"),
    ],
)
def test_a_node_is_called_by_the_worst_that_is_known_of_it(
    changes: dict[str, Any], word: str
) -> None:
    assert node_word(msgspec.structs.replace(node("w1"), **changes)) == word


def test_a_task_that_was_stopped_is_stopping_and_then_stopped() -> None:
    going = msgspec.structs.replace(task(allocation()), goal=Goal.STOP, state=TaskState.RUNNING)
    assert task_word(task(allocation())) == "running"
    assert task_word(going) == "stopping"
    assert task_word(msgspec.structs.replace(going, state=TaskState.COMPLETED)) == "stopped"
