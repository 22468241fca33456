"""Values behind flags, and the codes commands leave with."""

from __future__ import annotations

import pytest

from cube import errors
from cube.cli.amounts import (
    between_option,
    duration_option,
    extras_option,
    pairs_option,
    share_option,
)
from cube.cli.exits import Exit
from cube.errors import CubeError, InvalidInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", None), ("90", 90.0), ("90s", 90.0), ("1h30m", 5400.0), ("5ms", 0.005)],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert duration_option("--timeout", text) == seconds


def test_two_times_are_a_range_and_one_is_both_its_ends() -> None:
    assert between_option("--start-time", "20ms..1s") == (0.02, 1.0)
    assert between_option("--start-time", "50ms") == (0.05, 0.05)
    with pytest.raises(InvalidInput, match="ends before it begins"):
        between_option("--start-time", "2s..1s")


def test_a_share_is_from_0_to_1() -> None:
    assert share_option("--fail-share", "0.01") == 0.01
    for text in ("1.5", "-1", "1 %", ""):
        with pytest.raises(InvalidInput, match="from 0 to 1"):
            share_option("--fail-share", text)


def test_what_has_no_value_is_named_all_at_once() -> None:
    with pytest.raises(InvalidInput) as raised:
        pairs_option("--label", ["a", "b=1", "=c"])

    assert [one.path for one in raised.value.objections] == ["--label", "--label"]


def test_a_value_may_hold_what_separates() -> None:
    assert pairs_option("--label", ["url=http://x?a=b", "empty="]) == {
        "url": "http://x?a=b",
        "empty": "",
    }


def test_every_error_leaves_with_a_code_of_the_list() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]

    codes = {kind.exit_code for kind in kinds if issubclass(kind, CubeError)}

    assert codes <= set(Exit)


def test_devices_are_counted_by_kind() -> None:
    assert extras_option("--extra", ["gpu=8", "nvme-disk=0"]) == {"gpu": 8, "nvme-disk": 0}


def test_what_is_no_number_of_devices_is_named_all_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        extras_option("--extra", ["gpu=0.5", "GPU=1", "tpu=100", "ok=1"])
    assert [one.message.split(" ")[0] for one in refused.value.objections] == [
        "gpu=0.5",
        "GPU=1",
        "tpu=100",
    ]
