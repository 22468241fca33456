from __future__ import annotations

import pytest

from cube.manager import attempts as module
from cube.manager.attempts import Attempts


def test_an_address_has_so_many_a_minute_and_another_its_own() -> None:
    attempts = Attempts(2)
    assert [attempts.admit("a", 0), attempts.admit("a", 1), attempts.admit("a", 59)] == [True, True, False]  # fmt: skip
    assert attempts.admit("b", 59)
    assert attempts.admit("a", 60)


def test_no_more_addresses_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_ADDRESSES", 3)
    attempts = Attempts(1)
    assert all(attempts.admit(address, 0) for address in "abcd")
    assert not attempts.admit("d", 0)
    assert attempts.admit("a", 0)  # forgotten
