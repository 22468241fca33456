"""Where a copy lands: the rules of docker cp."""

from __future__ import annotations

import pytest

from cube.cli.landing import Landing, Place, landing, place_of, without_dot
from cube.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("web:/etc", Place("web", "/etc")),
        ("web.2:/etc/", Place("web.2", "/etc/")),
        ("web:", Place("web", "/")),
        ("./odd:name", Place("", "./odd:name")),
        ("/odd:name", Place("", "/odd:name")),
        ("plain", Place("", "plain")),
        ("-", Place("", "-")),
        (":x", Place("", ":x")),
    ],
)
def test_a_container_is_told_by_its_colon(text: str, place: Place) -> None:
    assert place_of(text) == place


def land(source: str, target: str, *, folder: bool, there: str, parent: bool = True) -> Landing:
    return landing(
        source, "src", folder=folder, target=target, there=there, parent_is_folder=parent
    )


@pytest.mark.parametrize(
    ("source", "folder", "target", "there", "landed"),
    [
        ("src", False, "/d", "folder", Landing("/d", "src")),
        ("src", False, "/d/new", "", Landing("/d", "new")),
        ("src", False, "/d/old", "file", Landing("/d", "old")),
        ("src", True, "/d", "folder", Landing("/d", "src")),
        ("src/.", True, "/d", "folder", Landing("/d", "")),
        ("src", True, "/d/new", "", Landing("/d", "new")),
        ("src/.", True, "/d/new", "", Landing("/d", "new")),
        ("src", True, "/d/new/", "", Landing("/d", "new")),
        ("src", False, "new", "", Landing(".", "new")),
        ("src", False, "/new", "", Landing("/", "new")),
    ],
)
def test_it_lands_where_docker_would_put_it(
    source: str, folder: bool, target: str, there: str, landed: Landing
) -> None:
    assert land(source, target, folder=folder, there=there) == landed


@pytest.mark.parametrize(
    ("folder", "target", "there", "parent", "complaint"),
    [
        (False, "/d/new/", "", True, "is no folder"),
        (True, "/d/old", "file", True, "is a file"),
        (False, "/d/old/", "file", True, "no folder"),
        (False, "/no/new", "", False, "not there"),
    ],
)
def test_what_docker_refuses_is_refused(
    folder: bool, target: str, there: str, parent: bool, complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        land("src", target, folder=folder, there=there, parent=parent)


def test_the_folder_whose_content_is_meant_is_named_without_its_dot() -> None:
    assert [without_dot(path) for path in ("/etc/.", ".", "/etc", "a.")] == [
        "/etc/",
        ".",
        "/etc",
        "a.",
    ]
