"""The files of the page: all there, as they stand, and nothing in them that its policy forbids."""

from __future__ import annotations

import re

import pytest

from cube.manager.page.assets import assets, frame

IMPORT = re.compile(r'from "\./([a-z]+\.js)"')
SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc"
)
LONGEST = 350


def scripts() -> dict[str, str]:
    return {name: one.body.decode() for name, one in assets().items() if name.endswith(".js")}


def test_every_file_that_the_frame_or_a_script_names_is_there() -> None:
    named = set(re.findall(r'(?:href|src)="/page/([^"]+)"', frame()))
    for text in scripts().values():
        named |= set(IMPORT.findall(text))
    assert named == set(assets())


def test_each_file_has_its_type_and_a_tag_of_its_own() -> None:
    assert assets()["app.js"].media == "text/javascript"
    assert assets()["page.css"].media == "text/css"
    assert assets()["cube.svg"].media == "image/svg+xml"
    assert len({one.tag for one in assets().values()}) == len(assets())


def test_the_frame_has_neither_scripts_nor_styles_nor_listeners_within() -> None:
    assert (
        re.findall(r"<script(?![^>]*\bsrc=)|<style| style=| on[a-z]+=|javascript:", frame()) == []
    )


@pytest.mark.parametrize("name", scripts())
def test_no_script_makes_markup_of_text(name: str) -> None:
    text = scripts()[name]
    assert SINKS.findall(text) == []
    assert len(text.splitlines()) <= LONGEST
    assert text.startswith("// ")


def test_nothing_is_loaded_from_elsewhere() -> None:
    known = {"http://www.w3.org/2000/svg"}  # the name of a language, never fetched
    everything = frame() + "".join(one.body.decode() for one in assets().values())
    assert set(re.findall(r"https?://[^\s\"'`)<]+", everything)) <= known
