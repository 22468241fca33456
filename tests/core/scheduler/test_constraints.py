"""Constraints as users write them."""

from __future__ import annotations

import pytest

from cube.core.scheduler.constraints import Constraint, Operator, parse
from tests.builders import a_node, node_id

NODE = a_node(
    "w1", labels={"zone": "eu-1", "rack": "row 5"}, platform="linux/arm64", runtime="docker"
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("zone==eu-1", True),
        ("zone==eu-2", False),
        ("zone!=eu-1", False),
        ("zone!=eu-2", True),
        ("  zone  ==  eu-1  ", True),
        ("zone== eu-1", True),
        ("rack==row 5", True),
        ("disk==ssd", False),  # no such label
        ("disk!=hdd", True),
        ("Zone==eu-1", False),  # labels are case-sensitive, as docker's are
        ("node.name==w1", True),
        ("node.name!=w1", False),
        (f"node.id=={node_id('w1')}", True),
        ("node.platform==linux/arm64", True),
        ("node.platform==linux/amd64", False),
        ("node.runtime==docker", True),
    ],
)
def test_a_constraint_holds_where_it_should(text: str, holds: bool) -> None:
    assert parse(text).holds(NODE) is holds


def test_a_label_does_not_pass_for_a_fact() -> None:
    liar = a_node("w2", labels={"node.name": "w1"})
    assert not parse("node.name==w1").holds(liar)


def test_parsing_gives_the_parts() -> None:
    assert parse("zone != eu-1") == Constraint("zone", Operator.NOT_EQUAL, "eu-1")


def test_a_constraint_is_shown_without_its_blanks() -> None:
    assert str(parse(" zone  == eu-1")) == "zone==eu-1"


@pytest.mark.parametrize(
    ("text", "objection"),
    [
        ("", "'' has no operator; write it like zone==eu-1 or zone!=eu-1"),
        ("zone", "'zone' has no operator; write it like zone==eu-1 or zone!=eu-1"),
        ("zone=eu-1", "'zone=eu-1': = is no operator; write zone==VALUE or zone!=VALUE"),
        ("zone>=3", "'zone>=3': >= is no operator; write zone==VALUE or zone!=VALUE"),
        ("==eu-1", "'==eu-1' does not begin with one label; write it like zone==eu-1"),
        ("my zone==a", "'my zone==a' does not begin with one label; write it like zone==eu-1"),
        ("zone==", "'zone==' needs one value after ==; write one constraint per entry"),
        (
            "a==b && c!=d",
            "'a==b && c!=d' needs one value after ==; write one constraint per entry",
        ),
        (
            "node.role==worker",
            "'node.role==worker': node.role is no fact of a node; there are node.id, node.name, "
            "node.platform, node.runtime, and labels without a prefix",
        ),
    ],
)
def test_what_means_nothing_is_refused_with_the_remedy(text: str, objection: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(text)
    assert str(refused.value) == objection
