"""One pull per image at a time, joined by all who want it. Knows nothing of engines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cube.aio.supervise import Supervisor
from cube.model.allocation import Failure, FailureKind
from cube.runtime.contract import AskAccount, PullProgress, RuntimeFailure

Listener = Callable[[PullProgress], None]
Fetch = Callable[[str, Listener, AskAccount | None], Awaitable[None]]


class _Pull:
    """A pull under way and those who wait for it."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.listeners: list[Listener] = []
        self.last: PullProgress | None = None
        self.task: asyncio.Task[None] | None = None

    def tell(self, progress: PullProgress) -> None:
        self.last = progress
        for listener in self.listeners:
            listener(progress)


class SharedPulls:
    """Lets many ask for an image while `fetch` runs once for it at a time.

    A pull belongs to none of its callers: it ends when it is done or when the last of them was cancelled.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._pulls: dict[str, _Pull] = {}
        self._supervisor = Supervisor()

    async def pull(self, image: str, progress: Listener, account: AskAccount | None = None) -> None:
        """Fetch the image, or join the pull that is under way and hear how far it has come.

        A pull asks for the account of who began it: those who join want the same image of the same registry.
        """
        pull = self._pulls.get(image)
        if pull is None:
            pull = self._pulls[image] = _Pull()
            pull.task = self._supervisor.spawn(self._run(image, pull, account), f"pull {image}")
        elif pull.last is not None:
            progress(pull.last)
        pull.listeners.append(progress)
        try:
            await asyncio.shield(pull.outcome)
        finally:
            pull.listeners.remove(progress)
            if not pull.listeners and not pull.outcome.done():
                self._give_up(image, pull)

    async def close(self) -> None:
        """Give up all pulls; their callers are told so."""
        await self._supervisor.close()

    def _give_up(self, image: str, pull: _Pull) -> None:
        self._forget(image, pull)  # before it has ended: who comes now starts anew
        pull.outcome.cancel()
        if pull.task is not None:
            pull.task.cancel()

    def _forget(self, image: str, pull: _Pull) -> None:
        if self._pulls.get(image) is pull:
            del self._pulls[image]

    async def _run(self, image: str, pull: _Pull, account: AskAccount | None) -> None:
        """Fetch, and leave the outcome where the callers wait for it."""
        given_up = Failure(FailureKind.ENGINE_AWAY, f"the pull of {image} was given up")
        failure: RuntimeFailure | None = RuntimeFailure(given_up)
        try:
            await self._fetch(image, pull.tell, account)
            failure = None
        except RuntimeFailure as raised:
            failure = raised
        finally:
            self._forget(image, pull)
            if not pull.outcome.done():
                if failure is None:
                    pull.outcome.set_result(None)
                else:
                    pull.outcome.set_exception(failure)
