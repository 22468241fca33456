"""What a proven caller is counted by, and what it may do."""

from __future__ import annotations

from cube.model.ids import NodeId
from cube.model.role import Role
from cube.security.principal import Principal, Proof


def test_callers_of_different_proofs_are_never_counted_as_one() -> None:
    roles = frozenset({Role.ADMIN})
    user = Principal(Proof.UNIX, "0", "root", roles)
    token = Principal(Proof.TOKEN, "0", "root", roles)

    assert user.key == "unix:0"
    assert token.key == "token:0"


def test_a_worker_may_open_a_session_and_nothing_people_do() -> None:
    worker = Principal(
        Proof.CERTIFICATE, "n1", "w1", frozenset({Role.WORKER}), node_id=NodeId("n1")
    )

    assert [role for role in Role if worker.may(role)] == [Role.WORKER]
