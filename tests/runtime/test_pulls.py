"""Shared pulls: one fetch for all who want an image, and none for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cube.model.account import Account
from cube.model.allocation import Failure, FailureKind
from cube.runtime.contract import AskAccount, PullProgress, RuntimeFailure
from cube.runtime.pulls import SharedPulls

HALF = PullProgress(done_bytes=1, total_bytes=2)


class Fetches:
    """Fetches that end when they are told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.accounts: list[Account | None] = []
        self.cancelled = 0
        self.goes_on = asyncio.Event()
        self.failure: RuntimeFailure | None = None

    async def __call__(
        self, image: str, tell: Callable[[PullProgress], None], account: AskAccount | None
    ) -> None:
        self.begun.append(image)
        self.accounts.append(await account() if account else None)
        tell(HALF)
        try:
            await self.goes_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure:
            raise self.failure


async def some_turns() -> None:
    """Let everything that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


def ignore(_: PullProgress) -> None:
    """Not be interested."""


async def test_those_who_come_later_join_and_hear_how_far_it_is() -> None:
    fetches = Fetches()
    pulls = SharedPulls(fetches)
    heard: list[PullProgress] = []
    first = asyncio.create_task(pulls.pull("a", ignore))
    await some_turns()

    second = asyncio.create_task(pulls.pull("a", heard.append))
    await some_turns()
    fetches.goes_on.set()
    await asyncio.gather(first, second)

    assert fetches.begun == ["a"]
    assert heard == [HALF]


async def test_other_images_do_not_wait() -> None:
    fetches = Fetches()
    pulls = SharedPulls(fetches)
    both = asyncio.gather(pulls.pull("a", ignore), pulls.pull("b", ignore))
    await some_turns()

    assert fetches.begun == ["a", "b"]
    fetches.goes_on.set()
    await both


async def test_all_who_wait_hear_of_a_failure() -> None:
    fetches = Fetches()
    fetches.failure = RuntimeFailure(Failure(FailureKind.IMAGE_MISSING, "no"))
    pulls = SharedPulls(fetches)
    fetches.goes_on.set()

    outcomes = await asyncio.gather(
        pulls.pull("a", ignore), pulls.pull("a", ignore), return_exceptions=True
    )

    assert outcomes == [fetches.failure, fetches.failure]


async def test_a_pull_that_is_over_is_not_joined() -> None:
    fetches = Fetches()
    fetches.goes_on.set()
    pulls = SharedPulls(fetches)

    await pulls.pull("a", ignore)
    await pulls.pull("a", ignore)

    assert fetches.begun == ["a", "a"]


async def test_the_last_who_leaves_ends_the_pull() -> None:
    fetches = Fetches()
    pulls = SharedPulls(fetches)
    first = asyncio.create_task(pulls.pull("a", ignore))
    second = asyncio.create_task(pulls.pull("a", ignore))
    await some_turns()

    first.cancel()
    await some_turns()
    assert (first.cancelled(), fetches.cancelled) == (True, 0)
    second.cancel()
    await some_turns()

    assert (second.cancelled(), fetches.cancelled) == (True, 1)


async def test_who_comes_after_the_last_left_starts_anew() -> None:
    fetches = Fetches()
    pulls = SharedPulls(fetches)
    first = asyncio.create_task(pulls.pull("a", ignore))
    await some_turns()
    first.cancel()
    second = asyncio.create_task(pulls.pull("a", ignore))
    await some_turns()

    fetches.goes_on.set()
    await second

    assert fetches.begun == ["a", "a"]
    assert first.cancelled()


async def test_closing_tells_those_who_wait() -> None:
    fetches = Fetches()
    pulls = SharedPulls(fetches)
    waiting = asyncio.create_task(pulls.pull("a", ignore))
    await some_turns()

    await pulls.close()

    with pytest.raises(RuntimeFailure, match="given up") as raised:
        await waiting
    assert raised.value.kind is FailureKind.ENGINE_AWAY


async def test_a_pull_asks_once_for_the_account_of_who_began_it() -> None:
    fetches = Fetches()
    pulls = SharedPulls(fetches)
    account = Account("registry.example", "me", "CANARY")
    asked: list[str] = []

    async def ask() -> Account:
        asked.append("")
        return account

    fetches.goes_on.set()
    await asyncio.gather(pulls.pull("a", ignore, ask), pulls.pull("a", ignore, ask))

    assert (fetches.accounts, len(asked)) == ([account], 1)
