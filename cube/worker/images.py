"""Which images the engine has, for the manager to know: looked up now and then, and noted at once when pulled."""

from __future__ import annotations

import asyncio
import logging
from typing import NoReturn

from cube.aio.wakeup import Wakeup
from cube.core.images import bounded, listed_name
from cube.runtime.contract import Runtime, RuntimeFailure

log = logging.getLogger(__name__)

COMPARISONS = (
    6  # full comparisons of the containers to one of the images: they change when a person does it
)
SECONDS = 30.0  # for one look: an engine takes its time where there are hundreds


class ImageWatch:
    """Keeps `names` true: at most as many as are told, those pulled here last first, then the newest made."""

    def __init__(self, runtime: Runtime, full_comparison: float) -> None:
        self.names: tuple[str, ...] = ()
        self._runtime = runtime
        self._every = full_comparison * COMPARISONS
        self._pulled: list[str] = []  # the last first
        self._look = Wakeup()

    def pulled(self, image: str) -> None:
        """Take note that the image was pulled just now."""
        name = listed_name(image)
        self._pulled = [name, *(one for one in self._pulled if one != name)]
        self.names = bounded((name, *self.names))

    def look_soon(self) -> None:
        """Look again: the engine has begun to answer, and may be another than before."""
        self._look.set()

    async def run(self) -> NoReturn:
        """Look whenever that is asked for, and now and then. Without an answer what is known stays as it is."""
        while True:
            await self._look.wait(self._every)
            await self._look_once()

    async def _look_once(self) -> None:
        before = len(self._pulled)
        try:
            async with asyncio.timeout(SECONDS):
                listed = await self._runtime.images()
        except (RuntimeFailure, TimeoutError) as error:
            log.info("the images cannot be listed: %s", error or "no answer in time")
            return
        new = len(self._pulled) - before  # pulled meanwhile, perhaps after the list was made
        there = {*listed, *self._pulled[:new]}
        self._pulled = list(bounded(name for name in self._pulled if name in there))
        self.names = bounded((*self._pulled, *listed))
