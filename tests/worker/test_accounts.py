"""Accounts on a worker: asked for when a pull begins, and no reason that a public image cannot be pulled."""

from __future__ import annotations

import pytest

from cube.errors import CubeError
from cube.model.account import Account
from cube.model.allocation import FailureKind
from cube.model.ids import AllocationId
from cube.runtime.contract import RuntimeFailure
from cube.wire.messages import AskAccount, TellAccount
from cube.worker.accounts import Accounts

ID = AllocationId("web.1.1")
KNOWN = Account("registry.example", "ci", "CANARY")


class Bench:
    """The accounts of a worker whose manager answers at once, as it is told to."""

    def __init__(self, answer: TellAccount | None) -> None:
        self.asked: list[AskAccount] = []
        self.accounts = Accounts(self._send)
        self._answer = answer

    async def _send(self, ask: AskAccount) -> None:
        self.asked.append(ask)
        if self._answer is None:
            raise CubeError("no session")
        self.accounts.told(self._answer)


async def test_the_registry_of_the_image_is_asked_for() -> None:
    bench = Bench(TellAccount(id=ID, registry="registry.example", account=KNOWN))

    assert await bench.accounts.at(ID, "registry.example/team/web:1") == KNOWN
    assert bench.asked == [AskAccount(id=ID, registry="registry.example")]


async def test_without_a_manager_or_an_account_images_are_pulled_as_nobody() -> None:
    nobody = TellAccount(id=ID, registry="docker.io")

    assert await Bench(None).accounts.at(ID, "busybox") is None
    assert await Bench(nobody).accounts.at(ID, "busybox") is None


async def test_an_account_that_cannot_be_told_is_waited_for() -> None:
    bench = Bench(TellAccount(id=ID, registry="docker.io", why="the key is gone"))

    with pytest.raises(RuntimeFailure, match="account at docker.io: the key is gone") as raised:
        await bench.accounts.at(ID, "busybox")
    assert raised.value.kind is FailureKind.SECRET_MISSING
