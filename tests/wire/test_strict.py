from __future__ import annotations

import json
import sys
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cube.errors import InvalidInput, Objection
from cube.wire.strict import MAX_DEPTH, MAX_ENTRIES, WrittenFloat, decode, examine
from tests.wire.specs import PLAIN_VALUES


def refused(data: bytes) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        decode(data)
    return [(objection.path, objection.message) for objection in caught.value.objections]


@given(PLAIN_VALUES)
def test_what_is_sound_is_read_as_the_standard_library_reads_it(value: object) -> None:
    assert decode(json.dumps(value).encode()) == value


@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace"))
)
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"a":1,"a":2}' + b"[" * 100_000)
@example(b'{"a":1,"a":2} x')
@example(b"1" * 100_000)
@example(b"0." + b"1" * 100_000)
@example(b"-")
@example(b"")
def test_no_bytes_raise_anything_but_invalid_input(data: bytes) -> None:
    try:
        decode(data)
    except InvalidInput as refusal:
        assert refusal.objections


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        (b'{"a": NaN}', "a", "NaN is not a number"),
        (b'{"a": [1, -Infinity]}', "a[1]", "-Infinity is not a number"),
        (b'{"a": 1e999}', "a", "1e999 is not a finite number"),
        (b'{"a": {"b": 1, "b": 1}}', "a.b", "is given twice"),
        (b'[{"a": 1, "\\u0061": 2}]', "[0].a", "is given twice"),
        (b'{"a": "\\ud800"}', "a", "half of a surrogate pair"),
        (b'{"a": "\\u0000"}', "a", "NUL"),
        (b'{"\\u0000": 1}', '["\\u0000"]', "as a key contains a NUL"),
        (b'{"a": ' + b"1" * 31 + b"}", "a", "more than 30 digits"),
        (b'{"a": 0.' + b"1" * 31 + b"}", "a", "more than 30 digits"),
        (b'{"a": 1}\n{"b": 2}', "", "line 2, column 1"),
        (b'{"a": "\n"}', "", "line 1"),
        (b'\xef\xbb\xbf{"a": 1}', "", "byte order mark"),
        ('{"a": 1}'.encode("utf-16"), "", "is not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "", "UTF-16"),
        (b'{"a":\n "\xff"}', "", "line 2: byte 8 is not UTF-8"),
        (b" \n", "", "is empty"),
        (b"a=1&b=2", "", "not JSON"),
        (b"'a'", "", "not JSON"),
        (b"[1,]", "", "not JSON"),
    ],
)
def test_what_two_programs_could_read_differently_is_refused(
    data: bytes, path: str, words: str
) -> None:
    [(where, what)] = refused(data)

    assert where == path
    assert words in what


def test_everything_is_objected_to_at_once_in_the_order_of_the_document() -> None:
    data = b'{"a": {"x": 1, "x": 2}, "b": NaN, "c": ["\\u0000", 1e999]}'

    assert [path for path, _ in refused(data)] == ["a.x", "b", "c[0]", "c[1]"]


def test_nesting_is_read_to_its_limit_and_not_beyond() -> None:
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    assert decode(deepest)
    assert refused(b"[" + deepest + b"]")[0][1] == f"is nested deeper than {MAX_DEPTH} levels"


def test_nesting_is_refused_however_little_stack_is_left() -> None:
    def deep(levels: int) -> list[tuple[str, str]]:
        return deep(levels - 1) if levels else refused(b"[" * 5_000)

    # Frames of the test runner are on the stack already; leave room for the reader itself.
    assert deep(sys.getrecursionlimit() // 2)


def test_keys_are_counted_over_the_whole_document() -> None:
    def body(keys: int) -> bytes:
        return json.dumps([{f"k{key}": 0 for key in range(keys)}]).encode()

    assert decode(body(MAX_ENTRIES - 1))
    assert refused(body(MAX_ENTRIES)) == [("", f"has more than {MAX_ENTRIES} keys and list items")]
    assert decode(body(MAX_ENTRIES), max_entries=2 * MAX_ENTRIES)


def test_surrogate_pairs_and_escaped_backslashes_are_harmless() -> None:
    assert decode(b'["\\ud83d\\ude00", "\\\\u0000"]') == ["\N{GRINNING FACE}", "\\u0000"]


def test_a_fraction_remembers_how_it_was_written() -> None:
    number = decode(b"1.10")

    assert number == 1.1
    assert isinstance(number, WrittenFloat)
    assert number.text == "1.10"


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":' * 12_000,
        b"[" + b"1e999," * 10_000 + b"1]",
        b'{"' + b"a" * 64_000 + b'": NaN}',
        b"[" + b'{"a":1,"a":1},' * 4_000 + b"1]",
        b"-" * 64_000,
        b'"' + b"\\u0000" * 10_000 + b'"',
    ],
    ids=["deep", "infinite", "long key", "many repeated", "signs", "nul"],
)
def test_refusing_the_longest_body_takes_no_time_and_few_words(data: bytes) -> None:
    began = time.process_time()
    with pytest.raises(InvalidInput) as caught:
        decode(data)

    assert time.process_time() - began < 1.0  # a hundredth of it, were it not for slow machines
    assert len(str(caught.value)) < 10_000


def test_values_of_other_formats_are_examined_by_the_same_rules() -> None:
    shared: list[object] = [0] * 100
    bomb: list[object] = [[shared] * 100] * 100
    with pytest.raises(InvalidInput) as caught:
        examine({"when": time.gmtime(0), "many": bomb, "inf": float("inf"), "big": 10**30})

    assert {objection.path for objection in caught.value.objections} == {"", "when"}


def test_numbers_of_other_formats_are_examined_too() -> None:
    with pytest.raises(InvalidInput) as caught:
        examine({"inf": float("inf"), "big": 10**30})

    assert caught.value.objections == (
        Objection("inf", "inf is not a finite number"),
        Objection("big", "has more than 30 digits"),
    )
