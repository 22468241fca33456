"""Presence: what a principal has open is known, and is cut."""

from __future__ import annotations

from cube.manager.presence import Presence
from cube.model.role import Role
from cube.security.principal import Principal, Proof

BOB = Principal(Proof.TOKEN, "b", "bob", frozenset({Role.VIEWER}))
EVE = Principal(Proof.TOKEN, "e", "eve", frozenset({Role.VIEWER}))


def test_everything_of_one_is_cut_and_nothing_of_others() -> None:
    presence, cut = Presence(), list[str]()
    with (
        presence.enter(BOB, lambda: cut.append("b1")),
        presence.enter(BOB, lambda: cut.append("b2")),
        presence.enter(EVE, lambda: cut.append("e")),
    ):
        assert presence.count(BOB.key) == 2
        assert presence.cut(BOB.key) == 2
    assert cut == ["b1", "b2"]


def test_who_has_left_is_not_cut() -> None:
    presence = Presence()
    with presence.enter(BOB, lambda: None):
        pass
    assert (presence.count(BOB.key), presence.cut(BOB.key)) == (0, 0)
