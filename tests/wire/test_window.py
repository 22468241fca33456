"""Windows: never more under way than there is room for, and never stuck while somebody takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.errors import PeerFault
from cube.wire.tunnels import Exec, ReadArchive, window_of
from cube.wire.window import WINDOW, Incoming, Outgoing


@given(st.lists(st.tuples(st.booleans(), st.integers(1, WINDOW))))
def test_both_ends_agree_whatever_the_order(steps: list[tuple[bool, int]]) -> None:
    outgoing, incoming = Outgoing(), Incoming()
    waiting = 0
    for sends, amount in steps:
        if sends:
            count = min(amount, outgoing.room)
            outgoing.spend(count)
            incoming.arrived(count)
            waiting += count
        else:
            count = min(amount, waiting)
            waiting -= count
            outgoing.regain(incoming.taken(count))
        assert waiting + outgoing.room <= WINDOW
    outgoing.regain(incoming.taken(waiting))
    assert outgoing.room > WINDOW // 2


def test_what_is_taken_byte_by_byte_is_told_seldom() -> None:
    incoming = Incoming()
    incoming.arrived(WINDOW)

    told = [incoming.taken(1) for _ in range(WINDOW)]

    assert sum(told) == WINDOW
    assert len([count for count in told if count]) == 4


def test_more_than_the_window_is_the_peers_fault() -> None:
    incoming = Incoming()
    incoming.arrived(WINDOW)

    with pytest.raises(PeerFault):
        incoming.arrived(1)


def test_a_copy_has_more_under_way_than_a_command() -> None:
    copy, command = window_of(ReadArchive(path="/x")), window_of(Exec(command=("sh",)))
    incoming = Incoming(copy)

    assert copy > command
    assert Outgoing(copy).room == copy
    incoming.arrived(copy)
    with pytest.raises(PeerFault):
        incoming.arrived(1)


def test_taking_what_was_never_sent_is_the_peers_fault() -> None:
    with pytest.raises(PeerFault):
        Outgoing().regain(1)
