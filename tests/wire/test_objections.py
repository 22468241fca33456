from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.errors import InvalidInput, Objection
from cube.wire.objections import MAX_OBJECTIONS, Objections, at, shown, wrong


@pytest.mark.parametrize(
    ("path", "step", "whole"),
    [
        ("", "ports", "ports"),
        ("ports", 0, "ports[0]"),
        ("ports[0]", "host_port", "ports[0].host_port"),
        ("PortBindings", "7777/tcp", "PortBindings.7777/tcp"),
        ("env", "a b", 'env["a b"]'),
        ("", "", '[""]'),
        ("", 3, "[3]"),
    ],
)
def test_a_path_reads_like_the_code_that_follows_it(path: str, step: str | int, whole: str) -> None:
    assert at(path, step) == whole


@given(st.text())
def test_whatever_a_key_or_value_holds_it_can_be_shown(text: str) -> None:
    for said in (at("env", text), shown(text)):
        assert said.isascii()
        assert said.isprintable()
        assert len(said) < 1_000


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a", '"a"'),
        ("a" * 61, '"' + "a" * 60 + '"...'),
        ("\u202e\x7f", '"\\u202e\\u007f"'),
        (5, "5"),
        (None, "nothing"),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
    ],
)
def test_values_are_shown_as_json_and_cut(value: object, said: str) -> None:
    assert shown(value) == said


def test_objections_are_gathered_in_their_order_and_raised_once() -> None:
    def refuse(value: object, path: str) -> int:
        raise wrong(path, "no")

    objections = Objections()
    objections.raise_any()
    objections.add("a", "is bad")

    assert objections.read(refuse, 1, "b") is None
    assert objections.read(lambda value, path: 5, 1, "c") == 5
    with pytest.raises(InvalidInput) as caught:
        objections.raise_any()
    assert caught.value.objections == (Objection("a", "is bad"), Objection("b", "no"))


def test_more_than_anybody_reads_is_not_told() -> None:
    objections = Objections()
    for number in range(MAX_OBJECTIONS + 5):
        assert objections.full == (number >= MAX_OBJECTIONS)
        objections.add(f"a{number}", "is bad")

    with pytest.raises(InvalidInput) as caught:
        objections.raise_any()
    assert len(caught.value.objections) == MAX_OBJECTIONS + 1
    assert caught.value.objections[-1] == Objection("", "and more; mend these first")
