"""Keeps the certificate fresh while the worker runs: no session ends for it, no container notices."""

from __future__ import annotations

import asyncio
import logging
from typing import NoReturn

import aiohttp
import msgspec

from cube.aio.backoff import Backoff, spread
from cube.aio.clock import Clock
from cube.aio.wakeup import Wakeup
from cube.errors import CubeError
from cube.security.authority import make_request
from cube.security.pins import issuer_pin, pins_in
from cube.wire import routes
from cube.wire.codec import decode_view
from cube.wire.membership import CertificateRequest, Certified
from cube.worker.credentials import Credentials, Joined
from cube.worker.dialling import in_words

log = logging.getLogger(__name__)

FROM_SHARE = 1 / 3  # of its life: two more thirds to find the manager in
JITTER_SHARE = 0.1  # of the wait: workers that joined together do not come together
LEAST_SECONDS = 1.0  # between two, whatever the clocks say
ASK_SECONDS = 10.0
RETRY_FIRST, RETRY_LONGEST = 1.0, 300.0
MOST_ROUNDS = 3
"""What a worker trusts and holds is told before it is changed, so a change takes a second request to be known."""
REPLY_BYTES = 256 * 1024


def retry_in(pause: float, left: float) -> float:
    """Return when to try again: after the pause, and the sooner the less of the certificate's life is left.

    One that has ended is not renewed any more, and no hurry helps it.
    """
    return min(pause, left / 10 + RETRY_FIRST) if left > 0 else pause


def due_in(joined: Joined, now: float) -> float:
    """Return the seconds until a third of the certificate's life is over. All times in seconds."""
    return max(LEAST_SECONDS, joined.issued + (joined.expires - joined.issued) * FROM_SHARE - now)


class Renewal:
    """Renews one worker's certificate, in time and when it is told to."""

    def __init__(self, credentials: Credentials, url: str, clock: Clock) -> None:
        self._credentials = credentials
        self._url = url + routes.CERTIFICATE
        self._clock = clock
        self._asked = Wakeup()

    def soon(self) -> None:
        """Renew now: the cluster's roots are changing."""
        self._asked.set()

    async def run(self) -> NoReturn:
        """Renew for ever."""
        pause = Backoff(RETRY_FIRST, RETRY_LONGEST)
        wait = self._due()
        while True:
            await self._asked.wait(wait)
            try:
                await self._renew()
                pause.reset()
                wait = self._due()
            except (CubeError, aiohttp.ClientError, OSError, TimeoutError) as error:
                log.warning("the certificate was not renewed: %s", in_words(error, self._url))
                wait = retry_in(pause.next(), self._left())

    async def _renew(self) -> None:
        for _ in range(MOST_ROUNDS):
            told = await asyncio.to_thread(self._request)
            certified = await self._ask(told)
            joined = self._joined()
            kept = await asyncio.to_thread(
                self._credentials.keep, joined.host, joined.port, certified, joined.token_id
            )
            if self._tells(told, kept.roots, certified.certificate):
                log.info("the certificate is renewed, for %.0f s", kept.expires - self._now())
                return

    async def _ask(self, told: CertificateRequest) -> Certified:
        body = msgspec.json.encode(told)
        headers = {"Content-Type": "application/json"}
        context = self._credentials.context()
        async with (
            asyncio.timeout(ASK_SECONDS),
            aiohttp.ClientSession() as http,
            http.post(self._url, data=body, headers=headers, ssl=context) as answer,
        ):
            text = await answer.content.read(REPLY_BYTES)
            if answer.status != 200:
                raise CubeError(f"the manager says {answer.status}: {text[:300]!r}")
        return decode_view(text, Certified)

    def _request(self) -> CertificateRequest:
        joined = self._joined()
        return CertificateRequest(
            request=make_request(self._credentials.key()),
            trusts=sorted(pins_in(joined.roots)),
            holds=issuer_pin(self._credentials.certificate(), joined.roots),
        )

    def _tells(self, told: CertificateRequest, roots: str, certificate: str) -> bool:
        """Whether the manager was told all that is so now."""
        return (
            sorted(pins_in(roots)) == told.trusts and issuer_pin(certificate, roots) == told.holds
        )

    def _due(self) -> float:
        return spread(due_in(self._joined(), self._now()), JITTER_SHARE)

    def _left(self) -> float:
        return self._joined().expires - self._now()

    def _joined(self) -> Joined:
        joined = self._credentials.joined()
        if joined is None:
            raise CubeError("what this worker joined with is gone", hint="join again with a token")
        return joined

    def _now(self) -> float:
        return self._clock.now().wall_ms / 1000
