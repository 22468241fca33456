"""Constraints as users write them."""

from __future__ import annotations

import pytest

from cube.core.scheduler.constraints import Constraint, Operator, parse
from cube.model.resources import Resources
from tests.builders import GIB, a_node, node_id

NODE = a_node(
    "w1",
    labels={"zone": "eu-1", "rack": "row 5", "slots": "12", "driver": "550.54.1", "empty": ""},
    platform="linux/arm64",
    runtime="docker",
    engine_version="20.10.24",
    capacity=Resources(4_500, 8 * GIB, 0),
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
        ("zone in (eu-1, eu-2)", True),
        ("zone in(us)", False),
        ("disk in (ssd)", False),
        ("zone notin (eu-1,eu-2)", False),
        ("zone notin (us)", True),
        ("disk notin (ssd)", True),
        ("zone", True),
        ("disk", False),
        ("!zone", False),
        ("! disk", True),
        ("empty", False),  # a label without a value says no more than none
        ("slots>9", True),  # as numbers, not as text
        ("slots<9.5", False),
        ("slots>12", False),
        ("driver>550.9", True),  # as versions
        ("driver<550.100", True),
        ("zone>3", False),
        ("disk<3", False),
        ("node.engine_version>20.9", True),
        ("node.engine_version<20.10.25", True),
        ("node.cpu>4", True),
        ("node.cpu<4.5", False),
        ("node.memory>7.5g", True),
        ("node.memory<8GiB", False),
        ("node.disk>0", False),
    ],
)
def test_a_constraint_holds_where_it_should(text: str, holds: bool) -> None:
    assert parse(text).holds(NODE) is holds


def test_a_label_does_not_pass_for_a_fact() -> None:
    liar = a_node("w2", labels={"node.name": "w1"})
    assert not parse("node.name==w1").holds(liar)


def test_parsing_gives_the_parts() -> None:
    assert parse("zone != eu-1") == Constraint("zone", Operator.NOT_EQUAL, ("eu-1",))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" zone  == eu-1", "zone==eu-1"),
        ("zone  in (a,b )", "zone in (a, b)"),
        ("zone notin(a)", "zone notin (a)"),
        (" zone ", "zone"),
        ("! zone", "!zone"),
        ("node.cpu > 4", "node.cpu>4"),
    ],
)
def test_a_constraint_is_shown_in_one_way_that_means_the_same(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(
    ("text", "objection"),
    [
        (
            "",
            "'' does not begin with one label; write it like zone==eu-1, zone in (eu-1, eu-2), zone or !zone",
        ),
        (
            "!",
            "'!' does not begin with one label; write it like zone==eu-1, zone in (eu-1, eu-2), zone or !zone",
        ),
        (
            "my zone",
            "'my zone' does not begin with one label; write it like zone==eu-1, zone in (eu-1, eu-2), zone or !zone",
        ),
        (
            "==eu-1",
            "'==eu-1' does not begin with one label; write it like zone==eu-1, zone in (eu-1, eu-2), zone or !zone",
        ),
        (
            "my zone==a",
            "'my zone==a' does not begin with one label; write it like zone==eu-1, zone in (eu-1, eu-2), zone or !zone",
        ),
        (
            "zone=eu-1",
            "'zone=eu-1': = is no operator; write zone==VALUE, zone!=VALUE, zone<VALUE or zone>VALUE",
        ),
        (
            "zone>=3",
            "'zone>=3': >= is no operator; write zone==VALUE, zone!=VALUE, zone<VALUE or zone>VALUE",
        ),
        ("zone==", "'zone==' needs one value after ==; write one constraint per entry"),
        (
            "a==b && c!=d",
            "'a==b && c!=d' needs one value after ==; write one constraint per entry",
        ),
        ("zone in ()", "'zone in ()' has an empty value; write it like zone in (eu-1, eu-2)"),
        ("zone in (a,)", "'zone in (a,)' has an empty value; write it like zone in (eu-1, eu-2)"),
        ("zone>eu", "'zone>eu': 'eu' is no number and no version"),
        ("node.memory>much", "'node.memory>much': 'much' is no number and no version"),
        ("node.name>3", "'node.name>3': node.name is text; compare it with ==, !=, in or notin"),
        (
            "node.role==worker",
            "'node.role==worker': node.role is no fact of a node; there are node.id, node.name, "
            "node.platform, node.runtime, node.engine_version, node.cube_version, node.cpu, "
            "node.memory, node.disk, and labels without a prefix",
        ),
    ],
)
def test_what_means_nothing_is_refused_with_the_remedy(text: str, objection: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(text)
    assert str(refused.value) == objection
