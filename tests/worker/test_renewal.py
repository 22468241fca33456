from __future__ import annotations

from msgspec.structs import replace

from cube.worker.credentials import Joined
from cube.worker.renewal import LEAST_SECONDS, due_in, retry_in

JOINED = Joined(
    host="h", port=1, cluster_id="c", node_id="n", roots="", issued=1_000.0, expires=1_090.0
)


def test_a_certificate_is_renewed_from_a_third_of_its_life() -> None:
    assert due_in(JOINED, 1_000) == 30
    assert due_in(JOINED, 1_020) == 10
    assert due_in(JOINED, 2_000) == LEAST_SECONDS
    assert due_in(replace(JOINED, expires=1_000 + 30 * 86400), 1_000) == 10 * 86400


def test_it_is_tried_again_the_sooner_the_less_of_its_life_is_left_and_without_hurry_afterwards() -> (
    None
):
    assert retry_in(300, left=86400) == 300
    assert retry_in(300, left=90) == 10
    assert retry_in(1, left=90) == 1
    assert retry_in(300, left=-5) == 300
