from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cube.errors import InvalidInput
from cube.wire.strict import MAX_DEPTH, WrittenFloat
from cube.wire.yaml_text import read_yaml
from tests.wire.specs import PLAIN_VALUES, TRICKY


def refused(text: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_yaml(text)
    [objection] = caught.value.objections
    return f"{objection.path}: {objection.message}"


@pytest.mark.parametrize("text", ["no", "yes", "on", "off", "y", "True", "NULL", "Null", "="])
def test_a_word_that_only_one_yaml_takes_for_something_else_is_text(text: str) -> None:
    assert read_yaml(f"a: {text}") == [{"a": text}]


@pytest.mark.parametrize(
    "text", ["22:30", "010", "0o10", "0x1F", "0b1", "1_000", "1e3", "+1", ".5", "1.", ".inf"]
)
def test_a_number_that_only_one_yaml_takes_for_one_is_text(text: str) -> None:
    assert read_yaml(f"a: {text}") == [{"a": text}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("5", 5),
        ("-5", -5),
    ],
)
def test_what_every_yaml_agrees_on_has_its_type(text: str, value: object) -> None:
    assert read_yaml(f"a: {text}") == [{"a": value}]
    assert read_yaml(f"a: '{text}'") == [{"a": text}]


def test_a_fraction_remembers_how_it_was_written() -> None:
    [number] = read_yaml("1.10")

    assert isinstance(number, WrittenFloat)
    assert number.text == "1.10"


@given(
    st.recursive(PLAIN_VALUES | TRICKY, lambda inner: st.dictionaries(TRICKY, inner, max_size=3))
)
def test_what_any_yaml_writer_writes_is_read_back(value: object) -> None:
    assert read_yaml(yaml.safe_dump(value)) == [value]


@given(st.text(max_size=80) | st.text("{}[]:-,&*!|>'\"#%@ \nab1", max_size=80))
def test_no_text_raises_anything_but_invalid_input(text: str) -> None:
    try:
        read_yaml(text)
    except InvalidInput as refusal:
        assert refusal.objections


def test_keys_are_text_as_written() -> None:
    assert read_yaml("1: a\ntrue: b\n010: c\n~: d") == [
        {"1": "a", "true": "b", "010": "c", "~": "d"}
    ]


def test_anchors_and_merges_work_and_a_mappings_own_keys_win() -> None:
    text = """
    base: &base {a: 1, b: 1}
    more: &more {b: 2, c: 2}
    both: {c: 3, <<: [*base, *more]}
    late: {<<: *base, a: 0}
    """

    assert read_yaml(text)[0] == {
        "base": {"a": 1, "b": 1},
        "more": {"b": 2, "c": 2},
        "both": {"a": 1, "b": 1, "c": 3},
        "late": {"a": 0, "b": 1},
    }


def test_several_documents_are_read_in_order() -> None:
    assert read_yaml("a: 1\n---\nb: 2\n---\n") == [{"a": 1}, {"b": 2}, None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "b.c: line 4: is given twice"),
        ("a: [", ": line 2: not YAML"),
        ("a: b: c", ": line 1: not YAML"),
        ("a: !!python/object:os.system x", "a: line 1: tags are not used here"),
        ("a: !!int 5", "a: line 1: tags are not used here"),
        ("a: !x {}", "a: line 1: tags are not used here"),
        ("a: *b", "a: line 1: nothing before is called &b"),
        ("a: &a [*a]", "a[0]: line 1: nothing before is called &a"),
        ("&a x: 1\ny: *a", "y: line 2: nothing before is called &a"),
        ("{[1]: 2}", ": line 1: a key must be text"),
        ("<<: 5", ": line 1: << takes a mapping"),
        ("a: 1" + "0" * 40, "a: line 1: has more than 30 digits"),
        ("[" * 10_000, "is nested deeper than"),
        ("a: \x07", "not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, words: str) -> None:
    assert words in refused(text)


def test_nesting_is_read_to_its_limit() -> None:
    assert read_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_merging_merges_does_not_grow_without_bound() -> None:
    lines = ["a0: &a0 {k: 1}"]
    for level in range(1, 40):
        lines.append(f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}")

    assert read_yaml("\n".join(lines))[0]["a39"] == {"k": 1}  # type: ignore[index]
