from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.errors import InvalidInput
from cube.wire.quantities import cores_millis, duration_ms, size
from cube.wire.strict import fraction


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (0, 0),
        (268435456, 268435456),
        ("268435456", 268435456),
        ("256m", 256 * 1024**2),
        ("256M", 256 * 1024**2),
        ("256mb", 256 * 1024**2),
        ("256MiB", 256 * 1024**2),
        ("256 MiB", 256 * 1024**2),
        ("1.5GiB", 1536 * 1024**2),
        ("512k", 512 * 1024),
        ("2t", 2 * 1024**4),
        ("7b", 7),
        ("0.5k", 512),
    ],
)
def test_sizes_count_by_1024_as_in_docker(written: object, amount: int) -> None:
    assert size(written, "memory") == amount


@pytest.mark.parametrize(
    "written",
    ["", "m", "-1m", "1 000m", "1e3", "1x", "256mm", "1.5.5g", True, 1.5, [], "٣m", "9" * 99],
)
def test_what_is_no_size_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(InvalidInput, match='memory: expected bytes or a size like "256m"'):
        size(written, "memory")


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("5s", 5_000),
        ("500ms", 500),
        ("1m30s", 90_000),
        ("1.5h", 5_400_000),
        ("2d", 172_800_000),
        ("0.25s", 250),
        ("0s", 0),
        (0, 0),
    ],
)
def test_times_have_units_that_add_up(written: object, milliseconds: int) -> None:
    assert duration_ms(written, "grace") == milliseconds


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        (30, 'write "30s" for seconds'),
        ("30", 'expected a time like "5s"'),
        ("5 s", 'expected a time like "5s"'),
        ("-5s", 'expected a time like "5s"'),
        ("0.5ms", "not a whole number of milliseconds"),
        (True, 'expected a time like "5s"'),
        (False, 'expected a time like "5s"'),
        (None, 'expected a time like "5s"'),
    ],
)
def test_a_time_without_a_unit_is_not_guessed(written: object, advice: str) -> None:
    with pytest.raises(InvalidInput, match=advice):
        duration_ms(written, "grace")


@pytest.mark.parametrize(
    ("written", "millis"),
    [(2, 2000), (fraction("0.5"), 500), ("0.5", 500), ("500m", 500), ("2", 2000), (-1, -1000)],
)
def test_cores_become_thousandths(written: object, millis: int) -> None:
    assert cores_millis(written, "cpu") == millis


@given(st.integers(0, 10**9))
def test_every_thousandth_of_a_core_is_exact(millis: int) -> None:
    assert cores_millis(fraction(f"{millis // 1000}.{millis % 1000:03}"), "cpu") == millis


@pytest.mark.parametrize("written", [fraction("0.0001"), "0.5m", fraction("1e-9")])
def test_less_than_a_thousandth_of_a_core_is_refused(written: object) -> None:
    with pytest.raises(InvalidInput, match="finer than a thousandth"):
        cores_millis(written, "cpu")


@pytest.mark.parametrize("written", [True, "half", [], None, "1e3", ""])
def test_what_is_no_amount_of_cores_is_refused(written: object) -> None:
    with pytest.raises(InvalidInput, match=r"expected cores like 0\.5"):
        cores_millis(written, "cpu")
