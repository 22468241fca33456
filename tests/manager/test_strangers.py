"""Strangers: so many, so many of one address, and the oldest idle one makes room."""

from __future__ import annotations

from cube.manager.strangers import Strangers


class Connection:
    def __init__(self, idle: bool = True) -> None:
        self.idle = idle
        self.dropped = False

    def drop(self) -> None:
        self.dropped = True


def entered(strangers: Strangers, *idle: bool, address: str = "a") -> list[Connection]:
    connections = [Connection(one) for one in idle]
    for one in connections:
        strangers.enter(one, address)
    return connections


def test_the_oldest_idle_one_of_an_address_makes_room() -> None:
    strangers = Strangers(10, 2)
    other = entered(strangers, True, address="b")
    ones = entered(strangers, False, True, True)
    assert [one.dropped for one in [*other, *ones]] == [False, False, True, False]
    assert len(strangers) == 3


def test_the_oldest_of_all_makes_room_where_there_are_too_many() -> None:
    strangers = Strangers(2, 2)
    first = entered(strangers, True, address="a")
    entered(strangers, True, address="b")
    entered(strangers, True, address="c")
    assert first[0].dropped and len(strangers) == 2


def test_where_none_is_idle_the_oldest_goes() -> None:
    strangers = Strangers(10, 1)
    ones = entered(strangers, False, False)
    assert [one.dropped for one in ones] == [True, False]


def test_who_is_known_takes_no_room() -> None:
    strangers = Strangers(10, 1)
    [known] = entered(strangers, True)
    strangers.leave(known)
    strangers.leave(known)
    entered(strangers, True)
    assert not known.dropped and len(strangers) == 1
