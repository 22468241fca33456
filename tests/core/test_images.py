"""Names of images: as engines list them, and no more than are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.core.images import NAMES_AT_MOST, NAMES_BYTES, bounded, listed_name

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ("busybox", "busybox:latest"),
        ("docker.io/library/busybox:1.36", "busybox:1.36"),
        ("docker.io/grafana/grafana", "grafana/grafana:latest"),
        ("library/busybox", "busybox:latest"),
        ("registry:5000/team/web", "registry:5000/team/web:latest"),
        ("registry:5000/library/web:2", "registry:5000/library/web:2"),
        (f"busybox@{DIGEST}", f"busybox@{DIGEST}"),
        (f"registry:5000/web:2@{DIGEST}", f"registry:5000/web@{DIGEST}"),
    ],
)
def test_an_image_is_named_as_an_engine_lists_it(asked: str, listed: str) -> None:
    assert listed_name(asked) == listed
    assert listed_name(listed) == listed


@given(st.lists(st.text(max_size=300)))
def test_no_more_names_are_told_than_fit_and_those_are_the_first(names: list[str]) -> None:
    told = bounded(names)
    assert told == tuple(dict.fromkeys(names))[: len(told)]
    assert sum(len(name.encode()) for name in told) <= NAMES_BYTES
    assert bounded(told) == told


def test_many_names_and_long_names_are_bounded() -> None:
    assert len(bounded(str(number) for number in range(1_000))) == NAMES_AT_MOST
    assert len(bounded(f"{number:0>1000}" for number in range(1_000))) == NAMES_BYTES // 1000
