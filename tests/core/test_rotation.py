from __future__ import annotations

import pytest

from cube.core.rotation import Acknowledged, Stage, missing
from cube.model.ids import NodeId
from cube.model.membership import Credential

A, B = NodeId("a"), NodeId("b")
BOTH = [Credential(node_id=A, key="ka", expires_ms=100), Credential(node_id=B, key="kb", expires_ms=50)]  # fmt: skip
OLD, NEW = "old", "new"


def test_a_quiet_root_waits_for_nobody() -> None:
    assert missing(Stage.QUIET, NEW, BOTH, {}, 0) == []


@pytest.mark.parametrize(
    ("stage", "said", "waits"),
    [
        (Stage.ANNOUNCING, Acknowledged(frozenset({OLD}), OLD), True),
        (Stage.ANNOUNCING, Acknowledged(frozenset({OLD, NEW}), OLD), False),
        (Stage.REISSUING, Acknowledged(frozenset({OLD, NEW}), OLD), True),
        (Stage.REISSUING, Acknowledged(frozenset({OLD, NEW}), NEW), False),
    ],
)
def test_each_stage_waits_for_what_the_next_one_needs(
    stage: Stage, said: Acknowledged, waits: bool
) -> None:
    assert missing(stage, NEW, BOTH, {A: said}, 60) == ([A] if waits else [])


def test_who_was_not_heard_is_missing_until_its_certificate_has_expired() -> None:
    assert missing(Stage.ANNOUNCING, NEW, BOTH, {}, 49) == [A, B]
    assert missing(Stage.ANNOUNCING, NEW, BOTH, {}, 50) == [A]
    assert missing(Stage.ANNOUNCING, NEW, BOTH, {}, 100) == []
