from __future__ import annotations

import pytest

from cube.errors import InvalidInput
from cube.model.spec import PullPolicy
from cube.wire.fields import (
    Field,
    Table,
    boolean,
    choice,
    each,
    ignored,
    integer,
    mapping,
    read_fields,
    require,
    text,
    written,
)
from cube.wire.objections import MAX_OBJECTIONS, Objections, Reader
from cube.wire.strict import fraction

TABLE = Table(
    {
        "host_port": Field("host_port", integer),
        "port": Field("host_port", integer),
        "name": Field("name", text),
        "State": Field("", ignored),
    },
    {"publish": "did you mean `port`?"},
)


def read(document: dict[str, object]) -> tuple[dict[str, object], dict[str, str]]:
    objections = Objections()
    values = read_fields(document, "x", TABLE, objections)
    try:
        objections.raise_any()
    except InvalidInput as refusal:
        return values, {objection.path: objection.message for objection in refusal.objections}
    return values, {}


def test_values_are_returned_by_target_and_the_ignored_are_dropped() -> None:
    assert read({"port": 5, "name": None, "State": [1]}) == ({"host_port": 5}, {})


def test_what_cannot_be_read_is_not_missing_too() -> None:
    values, objections = read({"name": 5})

    assert values == {"name": None}
    assert objections == {"x.name": "expected text, got 5; put it in quotes"}
    missing = Objections()
    require(values, "name", "x", "give it one", missing)
    missing.raise_any()


def test_one_thing_is_said_once() -> None:
    assert read({"port": 1, "host_port": 2})[1] == {
        "x.host_port": "says the same as `port`; keep one of the two"
    }


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("hostPort", "did you mean `host_port`?"),
        ("publish", "did you mean `port`?"),
        ("zzz", "use host_port, port, name or State"),
    ],
)
def test_an_unknown_key_gets_advice(key: str, advice: str) -> None:
    assert read({key: 5})[1] == {f"x.{key}": f"unknown key; {advice}"}


def test_in_a_folded_table_case_and_underscores_do_not_count() -> None:
    folded = Table({"ExposedPorts": Field("ports", integer)}, folded=True)

    assert folded.field("exposed_ports") == folded.field("EXPOSEDPORTS") == Field("ports", integer)
    assert folded.advise("ExposdPorts") == "did you mean `ExposedPorts`?"


@pytest.mark.parametrize(
    ("reader", "value", "meant"),
    [
        (text, "5", "5"),
        (integer, 5, 5),
        (boolean, True, True),
        (written, fraction("1.10"), "1.10"),
        (written, 0.5, "0.5"),
        (written, False, "false"),
        (choice(PullPolicy), "never", PullPolicy.NEVER),
        (each(integer), [1, 2], (1, 2)),
        (mapping, {"a": 1}, {"a": 1}),
    ],
)
def test_a_reader_returns_what_it_is_for(
    reader: Reader[object], value: object, meant: object
) -> None:
    assert reader(value, "x") == meant


@pytest.mark.parametrize(
    ("reader", "value", "message"),
    [
        (text, 5, "expected text, got 5; put it in quotes"),
        (text, fraction("1.10"), "expected text, got 1.10; put it in quotes"),
        (text, None, "expected text, got nothing; put it in quotes"),
        (text, {}, "expected text, got a mapping"),
        (integer, True, "expected a whole number, got true"),
        (integer, fraction("3.0"), "expected a whole number, got 3.0"),
        (integer, "3", 'expected a whole number, got "3"'),
        (boolean, 1, "expected true or false, got 1"),
        (boolean, "yes", 'expected true or false, got "yes"'),
        (choice(PullPolicy), "x", 'expected always, missing or never, got "x"'),
        (choice(PullPolicy), [], "expected always, missing or never, got a list"),
        (each(integer), 5, "expected a list, got 5; put it in [ ]"),
        (mapping, [], "expected a mapping, got a list"),
    ],
)
def test_a_reader_says_what_it_expected(
    reader: Reader[object], value: object, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        reader(value, "x")

    assert str(caught.value) == f"x: {message}"


def test_every_item_of_a_list_is_read_before_objecting() -> None:
    with pytest.raises(InvalidInput) as caught:
        each(integer)(["a", 1, None], "x")

    assert [objection.path for objection in caught.value.objections] == ["x[0]", "x[2]"]


def test_a_list_of_nothing_but_mistakes_is_not_read_to_its_end() -> None:
    with pytest.raises(InvalidInput) as caught:
        each(integer)(["a"] * 10_000, "x")

    assert len(caught.value.objections) == MAX_OBJECTIONS
