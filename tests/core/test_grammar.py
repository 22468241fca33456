from __future__ import annotations

import posixpath
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.core import grammar


@given(st.text("aZ09._-/ \n", max_size=70))
def test_a_name_can_stand_in_a_path_a_header_and_a_host_name(text: str) -> None:
    ends = bool(text) and text[0].isalnum() and text[-1].isalnum()
    small = text == text.lower() and not re.search(r"[/\s]", text)

    assert grammar.is_name(text) == (ends and small and len(text) <= 63)


@given(st.text(max_size=100))
def test_a_similar_name_is_a_name_or_nothing(text: str) -> None:
    near = grammar.similar_name(text)

    assert not near or grammar.is_name(near)


@given(st.text("/.a", max_size=12))
def test_a_clean_path_leads_where_the_path_leads(text: str) -> None:
    path = "/" + text.replace("..", "b")

    assert grammar.clean_path(path) == posixpath.normpath("/" + path.lstrip("/"))


@pytest.mark.parametrize("text", ["/", "/health", "/a?b=c&d#e", "/%20"])
def test_an_http_path_can_stand_in_a_request_line(text: str) -> None:
    assert grammar.is_http_path(text)


@pytest.mark.parametrize("text", ["", "health", "/a b", "/a\r\nX: y", "/ä", "/\x7f", "//" * 2000])
def test_what_would_end_or_break_a_request_line_is_no_http_path(text: str) -> None:
    assert not grammar.is_http_path(text)


@pytest.mark.parametrize(
    "judge",
    [
        grammar.is_name,
        grammar.is_image,
        grammar.is_volume,
        grammar.is_label_key,
        grammar.is_user,
        grammar.is_http_path,
        grammar.is_signal,
    ],
)
@pytest.mark.parametrize("unit", ["a", "a-", "a.", "a/", "a:", "a_", "-", "1", "/", "a@b:", "R"])
def test_no_text_is_slow_to_judge(judge: object, unit: str) -> None:
    assert callable(judge)
    began = time.process_time()
    judge(unit * 100_000 + "\n")
    judge((unit * 600)[:590] + "!")

    assert (
        time.process_time() - began < 1.0
    )  # a thousandth of it; a pattern that backtracks takes for ever


@pytest.mark.parametrize(
    "text",
    ["docker.io", "localhost", "10.0.0.5:5000", "[::1]:5000", "a-b.example", "registry:5000"],
)
def test_a_registry_is_a_host_as_images_name_it(text: str) -> None:
    assert grammar.is_registry(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "library",
        "a.b/c",
        "https://a.b",
        "a.b:",
        "a.b:x",
        "a..b",
        "a b.c",
        "a.b\n",
        "x." * 200 + "y",
    ],
)
def test_anything_else_is_no_registry(text: str) -> None:
    assert not grammar.is_registry(text)
