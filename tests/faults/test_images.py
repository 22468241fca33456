from __future__ import annotations

from pathlib import PurePath
from random import Random

from tests.faults.images import (
    SECTOR,
    Cut,
    Image,
    Made,
    Removed,
    Said,
    Step,
    Synced,
    Write,
    disk_after,
    steps_of,
)

DIRECTORY = PurePath("/data")
OLD, NEW = b"o" * 3 * SECTOR, b"n" * 3 * SECTOR
MADE: list[Step] = [Write("a", 0, OLD), Synced("a"), Synced("")]


def images(*steps: Step) -> list[Image]:
    """Everything that two hundred power cuts leave."""
    found: list[Image] = []
    for seed in range(200):
        image = disk_after(steps).image(Random(seed))
        if image not in found:
            found.append(image)
    return found


def test_what_was_synced_is_there() -> None:
    assert images(*MADE) == [{"a": OLD}]


def test_what_was_not_synced_is_there_lost_or_torn_at_sectors() -> None:
    contents = [image["a"] for image in images(*MADE, Write("a", 0, NEW))]

    assert {OLD, NEW} < set(contents)
    sectors = {
        content[at : at + SECTOR] for content in contents for at in range(0, 3 * SECTOR, SECTOR)
    }
    assert sectors == {OLD[:SECTOR], NEW[:SECTOR]}


def test_a_later_write_may_be_there_without_an_earlier_one() -> None:
    steps = (*MADE, Write("a", 0, b"1"), Write("a", SECTOR, b"2"))

    assert any(
        image["a"][0:1] == b"o" and image["a"][SECTOR : SECTOR + 1] == b"2"
        for image in images(*steps)
    )


def test_a_file_whose_directory_was_not_synced_may_be_missing() -> None:
    assert {} in images(Write("a", 0, OLD), Synced("a"))


def test_an_empty_file_is_there_once_its_directory_was_synced() -> None:
    assert images(Made("a")) == [{}, {"a": b""}] or images(Made("a")) == [{"a": b""}, {}]
    assert images(Made("a"), Synced("")) == [{"a": b""}]


def test_a_removed_name_may_be_back_and_never_holds_another_file() -> None:
    steps = (*MADE, Removed("a"), Write("a", 0, NEW), Synced("a"))

    assert sorted(image.get("a", b"") for image in images(*steps)) == [b"", NEW, OLD]
    assert images(*steps, Synced("")) == [{"a": NEW}]


def test_a_cut_may_have_happened_or_not() -> None:
    assert sorted(len(image["a"]) for image in images(*MADE, Cut("a", 1))) == [1, len(OLD)]


def test_what_was_said_counts() -> None:
    assert disk_after([Said("1"), Said("2"), Said("full 3 holds 2")]).acknowledged == 2


def test_a_trace_is_read() -> None:
    def x(text: str) -> str:
        return "".join(f"\\x{letter:02x}" for letter in text.encode())

    a = f"7<{x('/data/a')}>"
    trace = "\n".join(
        [
            f'12 openat(AT_FDCWD<{x("/")}>, "{x("/data/a")}", O_RDWR|O_CREAT, 0600) = {a}',
            f'12 openat(AT_FDCWD<{x("/")}>, "{x("/data/b")}", O_RDWR) = {a}',
            f'12 pwrite64({a}, "{x("hello")}", 5, 100) = 5',
            f"12 fdatasync({a}) = 0",
            f"12 fdatasync(9<{x('/data')}>) = 0",
            f"12 ftruncate({a}, 3) = 0",
            f'12 write(1<{x("pipe:[1]")}>, "{x("1")}\\x0a", 2) = 2',
            f'12 unlink("{x("/data/a")}") = 0',
            f'12 pwrite64(8<{x("/elsewhere/a")}>, "{x("no")}", 2, 0) = 2',
            f"12 fdatasync({a}) = -1 EIO (Input/output error)",
            "12 +++ exited with 0 +++",
        ]
    )

    assert steps_of(trace, DIRECTORY) == [
        Made("a"),
        Write("a", 100, b"hello"),
        Synced("a"),
        Synced(""),
        Cut("a", 3),
        Said("1"),
        Removed("a"),
    ]
