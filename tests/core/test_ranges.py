from __future__ import annotations

import msgspec
import pytest

from cube.core.ranges import HEALTH, SPEC, Range, in_range
from cube.errors import Objection
from cube.model.spec import HealthCheck, Port, TaskSpec

FROM_1_TO_9 = Range("host_port", 1, 9, "write 1 to 9, or 0 for none", also=0)


@pytest.mark.parametrize("value", [0, 1, 9])
def test_a_number_in_range_or_with_a_meaning_of_its_own_passes(value: int) -> None:
    assert not list(in_range(Port(80, value), FROM_1_TO_9, "ports[0]"))


@pytest.mark.parametrize(
    ("value", "said"),
    [(-1, "-1"), (10, "10"), (10**29, "1" + "0" * 29), (10**40, "far too large")],
)
def test_any_other_is_told_with_what_to_write(value: int, said: str) -> None:
    assert list(in_range(Port(80, value), FROM_1_TO_9, "ports[0]")) == [
        Objection("ports[0].host_port", f"is {said}; write 1 to 9, or 0 for none")
    ]


def test_a_field_of_the_task_itself_has_no_path_before_it() -> None:
    [objection] = in_range(Port(80, -1), FROM_1_TO_9, "")

    assert objection.path == "host_port"


@pytest.mark.parametrize(
    ("ranges", "struct", "elsewhere"),
    [(SPEC, TaskSpec, {"max_restarts"}), (HEALTH, HealthCheck, {"port"})],
)
def test_every_number_has_a_range(
    ranges: tuple[Range, ...], struct: type[msgspec.Struct], elsewhere: set[str]
) -> None:
    numbers = {
        field.name for field in msgspec.structs.fields(struct) if field.type in (int, int | None)
    }

    assert {allowed.field for allowed in ranges} | elsewhere == numbers


def test_every_default_is_in_range() -> None:
    spec = TaskSpec(name="web", image="nginx")

    assert not [objection for allowed in SPEC for objection in in_range(spec, allowed, "")]
