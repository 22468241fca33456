"""The manager put together: ledger, core, commit loop, sessions, API; started in this order, stopped in reverse."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from cube.aio.aside import Aside
from cube.aio.clock import Clock, SystemClock
from cube.aio.lag import LagGauge
from cube.aio.supervise import Supervisor
from cube.core.effects import Snapshot
from cube.core.manager import ManagerCore
from cube.manager.api.discovery import DiscoveryApi
from cube.manager.api.events import EventApi
from cube.manager.api.listing import TaskListing
from cube.manager.api.logs import LogApi
from cube.manager.api.metrics import MetricsApi
from cube.manager.api.names import NameApi
from cube.manager.api.nodes import NodeApi
from cube.manager.api.page import PageApi
from cube.manager.api.placement import PlacementApi
from cube.manager.api.rebalance import RebalanceApi
from cube.manager.api.status import StatusApi
from cube.manager.api.tasks import TaskChanges
from cube.manager.api.tunnels import TunnelApi
from cube.manager.api.upkeep import UpkeepApi
from cube.manager.api.usage import UsageApi
from cube.manager.api.watch import WatchApi
from cube.manager.backups import Backups
from cube.manager.conversation import Conversation
from cube.manager.decider import Decider
from cube.manager.entrance import Entrance
from cube.manager.feed import Feed
from cube.manager.hearers import Hearers
from cube.manager.idempotency import Changes
from cube.manager.listener import Listener
from cube.manager.metrics import ManagerMetrics, monotonic
from cube.manager.middleware import guard
from cube.manager.mint import mint
from cube.manager.names import WILDCARDS, names_of
from cube.manager.negotiation import Offers
from cube.manager.presence import Presence
from cube.manager.readings import Gauges
from cube.manager.recognition import Recognise, user_of_this_machine
from cube.manager.recording import Recording
from cube.manager.samples import Samples
from cube.manager.session import Sessions
from cube.manager.strategies import check, installed
from cube.manager.streams import Streams
from cube.manager.tunnels import Tunnels
from cube.manager.watching import Watching
from cube.model.timing import Instant
from cube.security.hosts import LOOPBACK_NAMES, HostGuard, is_loopback
from cube.settings import ManagerSettings
from cube.store.ledger import Ledger
from cube.wire.operations import MANAGER
from cube.wire.routes import SESSION

if TYPE_CHECKING:  # only where others reach the manager
    from cube.manager.secure import Secure

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
PRUNE_EVERY = 600.0  # history is bounded, not exact
PRUNE_PAUSE = 0.1  # changes by users go first
# Python's own (700, 10, 10) took a tenth of each POST; the middle generation holds the loop for 0.6 us an object.
_GC_THRESHOLD = (10_000, 5, 200)


class Manager:
    """One manager. `start`, then `run` until it is to end, then `stop`."""

    def __init__(
        self,
        settings: ManagerSettings,
        clock: Clock | None = None,
        recognise: Recognise = user_of_this_machine,
    ) -> None:
        """`recognise` tells who is at the other end of a connection, by the connection alone."""
        self._settings = settings
        self._clock = clock or SystemClock()
        self._recognise = recognise
        self._resources = AsyncExitStack()
        self._decider: Decider | None = None
        self.secure: Secure | None = None
        """What it has for others than its own machine, after `start`; None when it listens on loopback only."""
        self.port = 0
        """Where it listens, after `start`."""

    async def start(self) -> None:
        """Open the ledger, know everything again, and listen. After an error nothing is left open."""
        settings = self._settings
        if not is_loopback(settings.host):
            names_of(settings)  # before anything is opened
        check(settings.strategy)
        with _no_collection():
            async with AsyncExitStack() as opening:
                ledger = await Ledger.open(
                    settings.data,
                    mint_cluster_id=mint,
                    now_ms=self._clock.now().wall_ms,
                )
                opening.push_async_callback(ledger.close)
                self._decider = await self._assemble(ledger, opening)
                self._resources = opening.pop_all()
        log.info("manager of cluster %s on port %d", self._decider.core.cluster.id, self.port)

    async def stop(self) -> None:
        """Stop listening, let go of workers and followers, and close the ledger. Repeats safely."""
        await self._resources.aclose()

    async def run(self) -> None:
        """Return only by cancellation, or by the error that ends the manager: a ledger that cannot be trusted.

        From here on the process is taken to be the manager's: its garbage collector is set for one that keeps much
        and leaves few cycles behind.
        """
        assert self._decider is not None
        gc.freeze()  # what was read at the start stays, and need not be looked at again
        gc.set_threshold(*_GC_THRESHOLD)
        await asyncio.shield(self._decider.failed)

    async def _assemble(self, ledger: Ledger, opening: AsyncExitStack) -> Decider:
        """Make the parts and listen; `opening` will stop each before those it stands on."""
        settings = self._settings
        sessions = Sessions()
        feed = Feed(queue=settings.feed_queue, followers=settings.followers)
        streams = Streams(limit=settings.streams)
        metrics = ManagerMetrics(lambda: decider.core.cluster)
        hearers = Hearers(sessions, feed)
        tunnels = Tunnels(limit=settings.tunnels)
        recorder = Recording(ledger, metrics, monotonic)
        decider = Decider(
            await ledger.load(), self._build, recorder, self._clock, hearers, metrics.decided
        )
        watching = hearers.watching = Watching(decider, ledger, followers=settings.followers)
        supervisor = await opening.enter_async_context(Supervisor())
        supervisor.keep(watching.run, "watching")
        supervisor.keep(decider.run, "planning")
        supervisor.keep(lambda: self._prune_loop(ledger), "pruning")
        entrance = Entrance(settings, ledger, recorder, decider, self._now_ms)
        await entrance.open(supervisor)
        backups = Backups(ledger, settings, self._clock)
        supervisor.keep(backups.run, "backups")
        aside, scrapes = _aside("placement", opening), _aside("metrics", opening)
        lag = LagGauge(metrics.late)
        supervisor.keep(lag.run, "loop lag")
        app = self._application(
            decider,
            ledger,
            sessions,
            feed,
            watching,
            streams,
            tunnels,
            aside,
            lag,
            metrics,
            entrance,
        )
        gauges = Gauges(
            decider=decider,
            ledger=ledger,
            sessions=sessions,
            feed=feed,
            streams=streams,
            aside=scrapes,
        )
        app.add_routes(MetricsApi(metrics.instruments, gauges, scrapes).routes())
        app.add_routes(UpkeepApi(decider, backups).routes())
        listener = self._listener(app, entrance.presence)
        opening.push_async_callback(listener.close)
        self.secure = await self._authority(ledger, decider, sessions, entrance.presence, listener)
        app.add_routes(entrance.routes(self.secure))
        _end_streams(opening, feed, watching, tunnels, sessions)
        opening.callback(listener.stop_accepting)
        self.port = await self._listen(listener, supervisor)
        return decider

    def _listener(self, app: web.Application, presence: Presence) -> Listener:
        settings = self._settings
        return Listener(
            app,
            connections=settings.connections,
            limits=settings.limits,
            recognise=self._recognise,
            presence=presence,
        )

    async def _authority(
        self,
        ledger: Ledger,
        decider: Decider,
        sessions: Sessions,
        presence: Presence,
        listener: Listener,
    ) -> Secure | None:
        """Return what certifies machines and the manager; None where only this machine reaches it."""
        settings = self._settings
        if is_loopback(settings.host):
            return None
        from cube.manager.secure import Secure  # it takes a tenth of a second of cryptography

        return await Secure.open(
            settings, ledger, decider, sessions, presence, self._clock, listener
        )

    async def _listen(self, listener: Listener, supervisor: Supervisor) -> int:
        """Listen on this machine's loopback address and, with TLS, where others reach it; return the port of both."""
        settings = self._settings
        if self.secure is None:
            return await listener.open(settings.host, settings.port)
        shared = settings.host in WILDCARDS
        port = await listener.open(LOOPBACK, settings.port, shared=shared)
        await self.secure.listen(port)
        self.secure.keep(supervisor)  # a rotation that goes on changes what is shown by now
        return port

    def _application(
        self,
        decider: Decider,
        ledger: Ledger,
        sessions: Sessions,
        feed: Feed,
        watching: Watching,
        streams: Streams,
        tunnels: Tunnels,
        aside: Aside,
        lag: LagGauge,
        metrics: ManagerMetrics,
        entrance: Entrance,
    ) -> web.Application:
        settings = self._settings
        names = LOOPBACK_NAMES | {settings.host, *settings.advertise}
        app = web.Application(
            middlewares=[
                guard(HostGuard(names), Offers(MANAGER), metrics.answered),
                entrance.access.middleware(),
            ],
            client_max_size=settings.bulk_body_limit,
        )
        changes = Changes(decider, ledger)
        samples = Samples(sessions)
        placement = PlacementApi(decider, ledger, aside, settings.strategy)
        for api in (
            TaskChanges(decider, changes, settings, placement.foretell),
            placement,
            TaskListing(decider, ledger),
            NodeApi(decider, changes),
            RebalanceApi(decider, changes),
            EventApi(decider, ledger, feed),
            LogApi(decider, sessions, streams, feed),
            StatusApi(decider, sessions, feed, watching, streams, lag),
            WatchApi(decider, watching),
            DiscoveryApi(decider),
            NameApi(decider),
            UsageApi(decider, samples),
            TunnelApi(decider, sessions, tunnels),
            PageApi(decider, ledger),
        ):
            app.add_routes(api.routes())
        cluster_id, tell = decider.core.cluster.id, entrance.tell
        conversation = Conversation(decider, sessions, streams, tunnels, samples, cluster_id, tell)
        app.router.add_get(SESSION, conversation.serve, allow_head=False)
        return app

    def _build(self, snapshot: Snapshot, now: Instant) -> ManagerCore:
        settings = self._settings
        return ManagerCore(
            snapshot,
            timing=settings.timing,
            strategy=settings.strategy,
            strategies=installed(),
            now=now,
        )

    async def _prune_loop(self, ledger: Ledger) -> None:
        """Forget old events and requests, some at a time. Where there are none, nothing is written."""
        while True:
            await asyncio.sleep(PRUNE_EVERY)
            before_ms = self._clock.now().wall_ms - int(self._settings.requests_kept * 1000)
            more = True
            while more:
                more = await ledger.prune(
                    events_kept=self._settings.events_kept, requests_before_ms=before_ms
                )
                await asyncio.sleep(PRUNE_PAUSE)
            more = True
            while more:
                more = await ledger.prune_audit(kept=self._settings.limits.audit_kept)
                await asyncio.sleep(PRUNE_PAUSE)

    def _now_ms(self) -> int:
        return self._clock.now().wall_ms


def _aside(name: str, opening: AsyncExitStack) -> Aside:
    aside = Aside(name)
    opening.callback(aside.close)
    return aside


def _end_streams(
    opening: AsyncExitStack, feed: Feed, watching: Watching, tunnels: Tunnels, sessions: Sessions
) -> None:
    """Have closed what streams and would not end by itself; closing the listener waits for answers under way."""
    opening.callback(feed.close)
    opening.callback(watching.close)
    opening.callback(tunnels.close, "the manager is stopping")
    opening.callback(sessions.close, "the manager is stopping")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from looking at what is read at the start again and again: all of it stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
