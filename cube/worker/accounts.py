"""The cluster's accounts at registries: asked for when a pull begins, and kept nowhere."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from cube.core.policy import registry_of
from cube.model.account import Account
from cube.model.allocation import Failure, FailureKind
from cube.model.ids import AllocationId
from cube.runtime.contract import RuntimeFailure
from cube.wire.messages import AskAccount, TellAccount
from cube.worker.asking import Asking

log = logging.getLogger(__name__)


class Accounts:
    """Has the account ready with which an image is pulled."""

    def __init__(self, send: Callable[[AskAccount], Awaitable[None]]) -> None:
        self._asking = Asking[AskAccount, TellAccount](send)

    async def at(self, id: AllocationId, image: str) -> Account | None:
        """Return who the cluster is to the registry of the image, None where it is nobody there.

        Also None while the manager cannot be asked: most images are public. RuntimeFailure SECRET_MISSING where there
        is an account that cannot be told.
        """
        registry = registry_of(image)
        answer = await self._asking.ask((id, registry), AskAccount(id=id, registry=registry))
        if answer is None:
            log.info("the manager cannot be asked for an account at %s; pulling without", registry)
            return None
        if answer.why:
            words = f"waits for the account at {registry}: {answer.why}"
            raise RuntimeFailure(Failure(FailureKind.SECRET_MISSING, words))
        return answer.account

    def told(self, answer: TellAccount) -> None:
        """Take in what the manager answered."""
        self._asking.told((answer.id, answer.registry), answer)
