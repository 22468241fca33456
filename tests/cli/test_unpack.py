"""Archives that nobody vouches for: what they may do, and what they are kept from."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from cube.cli.unpack import leads_down, unpack
from cube.errors import CubeError, PeerFault, TooLarge


def a_tar(*entries: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    """A tar of these."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for entry in entries:
            info, content = entry if isinstance(entry, tuple) else (entry, b"")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    packed.seek(0)
    return packed


def entry(name: str, kind: bytes = tarfile.REGTYPE, **fields: Any) -> tarfile.TarInfo:
    """A header; nothing about it is checked, as an attacker would not."""
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in {"mode": 0o644, **fields}.items():
        setattr(info, field, value)
    return info


def file(name: str, content: bytes = b"x", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, **fields), content


def link(name: str, target: str) -> tarfile.TarInfo:
    return entry(name, tarfile.SYMTYPE, linkname=target)


def second(name: str, first: str) -> tarfile.TarInfo:
    return entry(name, tarfile.LNKTYPE, linkname=first)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the copy goes; beside it lies what must not be touched."""
    (tmp_path / "precious").write_text("mine")
    home = tmp_path / "home"
    home.mkdir()
    return home


def tree(home: Path) -> set[str]:
    """Every path below."""
    return {str(path.relative_to(home)) for path in home.rglob("*")}


def test_an_honest_tree_is_taken_apart_under_its_new_name(home: Path) -> None:
    tar = a_tar(
        entry("data", tarfile.DIRTYPE, mode=0o500),
        entry("data/sub", tarfile.DIRTYPE, mode=0o755),
        file("data/sub/f", b"content", mode=0o640, mtime=1_000_000),
        link("data/sub/up", "../sub/f"),
        second("data/again", "data/sub/f"),
    )

    assert unpack(tar, home, root="data", name="copy") == []

    assert tree(home) == {"copy", "copy/sub", "copy/sub/f", "copy/sub/up", "copy/again"}
    assert (home / "copy/sub/up").read_bytes() == b"content"
    assert (home / "copy/sub/f").stat().st_mtime == 1_000_000
    assert (home / "copy/again").samefile(home / "copy/sub/f")


def test_the_content_alone_goes_straight_in(home: Path) -> None:
    unpack(a_tar(entry("d", tarfile.DIRTYPE), file("d/f")), home, root="d", name="")

    assert tree(home) == {"f"}


def test_a_file_that_is_there_is_replaced_and_not_written_through(home: Path) -> None:
    (home / "f").symlink_to("../precious")

    unpack(a_tar(file("f", b"new")), home, root="f", name="f")

    assert (home / "f").read_bytes() == b"new"
    assert (home.parent / "precious").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["/etc/evil", "../evil", "d/../../evil", "other/evil", "..", "d/..", "//d/evil"]
)
def test_a_path_outside_of_the_root_is_refused(home: Path, name: str) -> None:
    with pytest.raises(PeerFault, match="not under"):
        unpack(a_tar(file(name)), home, root="d", name="d")

    assert tree(home) == set()
    assert sorted(path.name for path in home.parent.iterdir()) == ["home", "precious"]


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../../precious", "../../../../precious", "sub/../../precious", "//"]
)
def test_a_link_that_leads_out_is_left_out_and_named(home: Path, target: str) -> None:
    tar = a_tar(entry("d", tarfile.DIRTYPE), link("d/away", target), file("d/kept"))

    left_out = unpack(tar, home, root="d", name="d")

    assert tree(home) == {"d", "d/kept"}
    assert len(left_out) == 1
    assert "d/away" in left_out[0]


def test_nothing_is_written_through_a_link_of_the_archive(home: Path) -> None:
    (home / "sub").mkdir()
    tar = a_tar(link("d/way", "../sub"), link("d/in", "."), file("d/in/evil"))

    # Links are made last: until then there is a plain folder of that name, which the link then finds in its way.
    with pytest.raises(CubeError, match="folder"):
        unpack(tar, home, root="d", name="d")

    assert tree(home) == {"sub", "d", "d/in", "d/in/evil"}


def test_nothing_is_written_through_a_link_that_was_there(home: Path) -> None:
    (home / "d").mkdir()
    (home / "d" / "way").symlink_to(home.parent)

    with pytest.raises(PeerFault, match="no folder"):
        unpack(a_tar(file("d/way/precious", b"stolen")), home, root="d", name="d")

    assert (home.parent / "precious").read_text() == "mine"


def test_a_chain_of_links_that_climbs_by_passing_through_another_is_left_out(home: Path) -> None:
    # Each would look harmless by its text: `climb` passes through `deep`, which is not as deep as its name says.
    tar = a_tar(
        entry("d/a/b/c", tarfile.DIRTYPE),
        link("d/climb", "a/b/c/deep/../../../precious"),
        link("d/a/b/c/deep", "../../.."),
    )

    left_out = unpack(tar, home, root="d", name="d")

    assert [line.partition(":")[0] for line in left_out] == ["d/climb"]
    assert (home / "d/a/b/c/deep").resolve() == home / "d"


def test_a_second_name_of_what_is_not_in_the_archive_is_left_out(home: Path) -> None:
    (home / "d").mkdir()
    (home / "d" / "mine").write_text("mine")

    left_out = unpack(a_tar(second("d/grab", "d/mine")), home, root="d", name="d")

    assert len(left_out) == 1
    assert tree(home) == {"d", "d/mine"}


def test_a25_a_hostile_archive_leaves_nothing_outside(home: Path) -> None:
    before = sorted(path.name for path in home.parent.iterdir())
    for hostile in (
        [file("../precious")],
        [file("/etc/evil")],
        [link("d/way", ".."), file("d/way/precious")],
        [link("d/way", "/etc"), file("d/way/evil")],
        [second("d/precious", "../precious"), file("d/precious")],
        [entry("d/disk", tarfile.BLKTYPE), entry("d/pipe", tarfile.FIFOTYPE)],
        [file("d/../../precious"), file("d/sudo", mode=0o6755)],
    ):
        with contextlib.suppress(CubeError):
            unpack(a_tar(entry("d", tarfile.DIRTYPE), *hostile), home, root="d", name="d")
    assert (home.parent / "precious").read_text() == "mine"
    assert sorted(path.name for path in home.parent.iterdir()) == before
    for path in home.rglob("*"):
        assert path.resolve().is_relative_to(home.resolve())
        assert path.is_dir() or path.is_file()
        assert not path.stat().st_mode & 0o6000


def test_a_second_name_of_a_file_outside_is_refused(home: Path) -> None:
    with pytest.raises(PeerFault):
        unpack(a_tar(second("d/grab", "../precious")), home, root="d", name="d")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"])
def test_what_is_no_file_is_left_out(home: Path, kind: bytes) -> None:
    made = a_tar(entry("d", tarfile.DIRTYPE), entry("d/odd", kind))

    left_out = unpack(made, home, root="d", name="d")

    assert len(left_out) == 1
    assert tree(home) == {"d"}


def test_bits_that_lend_rights_are_taken_off(home: Path) -> None:
    tar = a_tar(entry("d", tarfile.DIRTYPE, mode=0o7777), file("d/su", mode=0o6777))

    unpack(tar, home, root="d", name="d")

    assert (home / "d/su").stat().st_mode & 0o7777 == 0o755
    assert (home / "d").stat().st_mode & 0o7777 == 0o755
    assert (home / "d/su").stat().st_uid == os.geteuid()


def test_more_than_there_is_room_for_is_refused_before_it_is_written(home: Path) -> None:
    with pytest.raises(TooLarge):
        unpack(a_tar(file("d/big", b"x" * 1000)), home, root="d", name="d", bytes_most=999)

    assert not (home / "d/big").exists()


def test_a_header_without_end_is_refused_unread(home: Path) -> None:
    head = entry("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=1 << 40).tobuf(tarfile.GNU_FORMAT)

    with pytest.raises(TooLarge, match="header"):
        unpack(io.BytesIO(head + b"x" * 10_000), home, root="d", name="d")


@pytest.mark.parametrize(
    "rubbish",
    [b"x" * 2000, a_tar(file("d/f", b"y" * 3000)).getvalue()[:2000]],
    ids=["noise", "cut"],
)
def test_what_is_no_whole_tar_is_told(home: Path, rubbish: bytes) -> None:
    with pytest.raises(CubeError):
        unpack(io.BytesIO(rubbish), home, root="d", name="d")


def test_a_folder_is_not_replaced_by_a_file(home: Path) -> None:
    (home / "d").mkdir()

    with pytest.raises(CubeError, match="folder"):
        unpack(a_tar(file("d")), home, root="d", name="d")


@pytest.mark.parametrize(
    ("target", "depth", "inside"),
    [
        ("f", 0, True),
        ("sub/f", 0, True),
        ("./f", 0, True),
        ("../f", 1, True),
        ("../../f", 2, True),
        ("..", 1, True),
        ("../f", 0, False),
        ("../../f", 1, False),
        ("sub/../f", 5, False),
        ("/f", 9, False),
        ("", 0, False),
        ("../f", -1, False),
    ],
)
def test_a_link_leads_up_to_the_root_at_most_and_then_down(
    target: str, depth: int, inside: bool
) -> None:
    assert leads_down(target, depth) is inside
