from __future__ import annotations

from msgspec.structs import replace

from cube.core.joining import UNKNOWN, Denied, let_in, node_for, redeem, revoked
from cube.model.ids import NodeId
from cube.model.membership import Credential, JoinToken

A, B = NodeId("a"), NodeId("b")
TOKEN = JoinToken(id="t", secret_hash="right", made_ms=0, expires_ms=1_000, uses=2)
KNOWN = Credential(node_id=A, key="k1", expires_ms=500)


def reason(denied: object) -> str:
    assert isinstance(denied, Denied), denied
    return denied.reason


def test_a_token_lets_in_as_many_keys_as_it_says_and_each_again() -> None:
    once = redeem(TOKEN, "right", "k1", 0)
    assert isinstance(once, JoinToken)
    assert (once.keys, once.left) == (("k1",), 1)
    twice = redeem(once, "right", "k2", 0)
    assert isinstance(twice, JoinToken)
    assert redeem(twice, "right", "k1", 999) == twice
    assert reason(redeem(twice, "right", "k3", 0)) == "the join token is used up"


def test_a_token_ends_at_its_time() -> None:
    assert isinstance(redeem(TOKEN, "right", "k1", 999), JoinToken)
    assert "expired 2 s ago" in reason(redeem(TOKEN, "right", "k1", 3_500))
    assert "expired 2 h 1 min ago" in reason(redeem(TOKEN, "right", "k1", 7_261_000))


def test_who_has_not_the_secret_learns_nothing_of_the_token() -> None:
    assert redeem(None, "right", "k1", 0) == UNKNOWN
    assert redeem(TOKEN, "wrong", "k1", 0) == UNKNOWN
    assert redeem(replace(TOKEN, keys=("x", "y")), "wrong", "k1", 5_000) == UNKNOWN


def test_a_key_is_the_node_that_it_was_before() -> None:
    assert node_for("k1", A, TOKEN, {A: KNOWN}, [A]) == A
    assert "is that of node a" in reason(node_for("k1", B, TOKEN, {A: KNOWN}, [A]))


def test_a_new_key_gets_a_free_node_and_no_other() -> None:
    assert node_for("k2", B, TOKEN, {A: KNOWN}, [A]) == B
    assert "there is a node a already" in reason(node_for("k2", A, TOKEN, {A: KNOWN}, []))
    assert "there is a node a already" in reason(node_for("k2", A, TOKEN, {}, [A]))


def test_a_token_for_one_node_gives_that_one_away_and_no_other() -> None:
    token = replace(TOKEN, node_id=A)
    assert node_for("k2", A, token, {A: KNOWN}, [A]) == A
    assert "is for node a" in reason(node_for("k2", B, token, {}, []))


def test_another_key_and_a_revocation_deny_the_certificates_before() -> None:
    first = let_in(None, A, "k1", 10)
    assert first == Credential(node_id=A, key="k1", era=1, expires_ms=10)
    assert let_in(first, A, "k1", 20).denies(1) is False
    assert let_in(first, A, "k2", 20).denies(1) is True
    out = revoked(first, A)
    assert (out.denies(1), out.expires_ms) == (True, 0)
    assert let_in(out, A, "k1", 30).denies(out.era) is False
    assert revoked(None, A).denies(1)
