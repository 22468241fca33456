"""The worker put together: the pure core, the engine, the session with the manager, and the loop between them."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from cube.aio.clock import Clock, SystemClock
from cube.aio.supervise import Supervisor
from cube.core.worker.core import WorkerCore
from cube.core.worker.inputs import LeaseInherited
from cube.core.worker.steps import Start, WorkerEffects
from cube.errors import PeerFault
from cube.instruments import Readings
from cube.log import about
from cube.model.node import Usage
from cube.runtime.contract import ContainerEvent, Runtime
from cube.settings import WorkerSettings
from cube.wire.messages import (
    PROTOCOL,
    Errand,
    Hello,
    OpenStream,
    OpenTunnel,
    Sample,
    TellAccount,
    TellSecret,
    Told,
    Welcome,
)
from cube.worker import host
from cube.worker.accounts import Accounts
from cube.worker.api import LocalApi
from cube.worker.credentials import Credentials
from cube.worker.dialling import session_url
from cube.worker.executor import Executor
from cube.worker.identity import Identified, Identity
from cube.worker.images import ImageWatch
from cube.worker.loop import Loop
from cube.worker.metrics import WorkerMetrics, readings
from cube.worker.probes import Prober
from cube.worker.secrets import Secrets
from cube.worker.session import Session
from cube.worker.streams import Streams
from cube.worker.tunnels import Tunnels
from cube.worker.usage import Sampler
from cube.worker.watch import EngineWatch

if TYPE_CHECKING:
    from cube.worker.renewal import Renewal

log = logging.getLogger(__name__)


class Worker:
    """One worker. `stop` leaves all containers running, as does the death of the process.

    `runtime` must be that of `identity.node_id`; both are closed by `stop`. `usage` reads what the machine uses; this
    machine's by default. `metrics` are those that the runtime tells of its questions, if it does.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        runtime: Runtime,
        clock: Clock | None = None,
        *,
        identity: Identified | None = None,
        usage: Callable[[], Usage] | None = None,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        self.port = settings.port  # of its own API; the real one after `start`
        self.joined = asyncio.Event()  # a manager has taken it in at least once
        self._settings = settings
        self._runtime = runtime
        self._clock = clock or SystemClock()
        self._identity = identity or Identity(settings.data)
        self._usage = usage or host.Gauge(settings.data).read
        self._node = host.name(settings)
        self._supervisor = Supervisor()
        self._core = WorkerCore(settings.timing)
        if metrics is None and settings.own_api:
            metrics = WorkerMetrics()
        self._loop = Loop(self._core, self._clock, metrics.told if metrics else None)
        self._told_of_holding = False
        self._secrets = Secrets(self._identity.node_id, lambda ask: self._session.send(ask))
        self._accounts = Accounts(lambda ask: self._session.send(ask))
        self._executor = Executor(
            runtime=runtime,
            identity=self._identity,
            clock=self._clock,
            supervisor=self._supervisor,
            parallel_starts=settings.parallel_starts,
            tell=self._loop.tell,
            pulled=lambda image: self._images.pulled(image),
            secrets=self._secrets.give,
            account=self._accounts.at,
        )
        self._prober = Prober(runtime=runtime, supervisor=self._supervisor, tell=self._loop.tell)
        self._watch = EngineWatch(
            runtime=runtime,
            clock=self._clock,
            supervisor=self._supervisor,
            full_comparison=settings.timing.full_comparison,
            answered_by_step=self._answered_by_step,
            tell=self._loop.tell,
            changed=self._engine_changed,
        )
        self._images = ImageWatch(runtime, settings.timing.full_comparison)
        self._credentials = Credentials(settings.data) if settings.tls else None
        self._renewal = self._renewing()
        self._session = self._dialler()
        self._streams = self._log_streams()
        self._sampler = Sampler(
            core=self._core,
            runtime=runtime,
            supervisor=self._supervisor,
            send=self._session.send,
        )
        self._tunnels = self._dialled_tunnels()
        self._api = self._own_api(metrics) if metrics and settings.own_api else None

    @property
    def connected(self) -> bool:
        """Whether the manager has taken it in."""
        return self._session.connected

    async def start(self) -> None:
        """Look at the engine, take up what runs there, then call the manager. CubeError when it cannot serve."""
        with about(node=self._node):  # also what its tasks will log
            await self._begin()

    async def _begin(self) -> None:
        self._loop.begin(self._carry_out)
        if self._api is not None:
            self.port = await self._api.start(self._settings.host, self._settings.port)
        if (fence := await self._runtime.inherited_fence()) is not None:
            self._loop.tell(LeaseInherited(fence.kill_at))
        await self._watch.first_look()
        if self._core.looked:
            self._secrets.keep_only([held.id for held in self._core.holding])
        self._supervisor.keep(self._watch.compare_loop, "engine comparison")
        self._supervisor.keep(self._watch.event_loop, "engine events")
        self._supervisor.keep(self._images.run, "images of the engine")
        self._supervisor.keep(self._session.run, "manager session")
        if self._renewal is not None:
            self._supervisor.keep(self._renewal.run, "renewal of the certificate")

    async def stop(self) -> None:
        """Let go of everything and leave the containers as they are. Repeats safely."""
        self._loop.close()
        await self._supervisor.close()
        if self._api is not None:
            await self._api.close()
        await self._prober.close()
        await self._runtime.close()
        self._identity.close()

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            await self.start()
            await asyncio.get_running_loop().create_future()
        finally:
            await self.stop()

    def _dialler(self) -> Session:
        settings = self._settings
        return Session(
            url=session_url(settings.manager_host, settings.manager_port, tls=settings.tls),
            clock=self._clock,
            hello=self._hello,
            usage=self._usage,
            images=lambda: self._images.names,
            runtime_error=lambda: self._watch.error,
            welcomed=self._welcomed,
            tell=self._loop.tell,
            hand_on=self._handed_on,
            report_every=settings.report_every,
            tls=self._tls,
            renew=self._renewal.soon if self._renewal is not None else lambda: None,
        )

    def _tls(self) -> ssl.SSLContext | bool:
        """Return what a new connection to the manager shows and trusts; on this machine's loopback nothing."""
        return True if self._credentials is None else self._credentials.context()

    def _renewing(self) -> Renewal | None:
        if self._credentials is None:
            return None
        from cube.worker.renewal import Renewal  # cryptography, for those only who have a key

        return Renewal(self._credentials, self._manager_url, self._clock)

    def _log_streams(self) -> Streams:
        return Streams(
            manager_url=self._manager_url,
            node=self._node,
            core=self._core,
            runtime=self._runtime,
            clock=self._clock,
            supervisor=self._supervisor,
            limit=self._settings.streams,
            send=self._session.send,
            tls=self._tls,
        )

    def _dialled_tunnels(self) -> Tunnels:
        return Tunnels(
            manager_url=self._manager_url,
            node=self._node,
            core=self._core,
            runtime=self._runtime,
            supervisor=self._supervisor,
            limit=self._settings.tunnels,
            send=self._session.send,
            tls=self._tls,
        )

    def _own_api(self, metrics: WorkerMetrics) -> LocalApi:
        return LocalApi(
            core=self._core,
            node_id=self._identity.node_id,
            node=self._node,
            data=self._settings.data,
            manager=self._manager_url,
            trouble=self._trouble,
            metrics=lambda: metrics.render(self._readings(metrics)),
        )

    def _readings(self, metrics: WorkerMetrics) -> Readings:
        now, since = self._clock.now().monotonic, metrics.lease_from
        return {
            **readings(self._core),
            **host.readings(self._settings.data),
            "cube_worker_engine_up": {(): float(not self._watch.error)},
            "cube_worker_session_up": {(): float(self._session.connected)},
            "cube_worker_lease_age_seconds": {} if since is None else {(): max(0.0, now - since)},
        }

    @property
    def _manager_url(self) -> str:
        address = self._settings.manager_host
        address = f"[{address}]" if ":" in address else address
        scheme = "https" if self._settings.tls else "http"
        return f"{scheme}://{address}:{self._settings.manager_port}"

    def _carry_out(self, effects: WorkerEffects) -> None:
        if effects.fence is not None:
            self._runtime.fence(effects.fence)
        for step in effects.steps:
            self._executor.perform(step)
        for id in effects.cancel:
            self._executor.cancel(id)
        for probe in effects.probes:
            self._prober.send(probe)
        if effects.look_at_all:
            self._watch.compare_now()
        self._session.report(effects.reports)
        self._session.describe(effects.descriptions)
        for id, observed in effects.reports.items():
            self._streams.changed(id)
            if observed.phase.ended:
                self._secrets.forget(id)

    def _hello(self, address: str) -> Hello:
        self._told_of_holding = self._core.looked
        return Hello(
            protocol=PROTOCOL,
            node_id=self._identity.node_id,
            cluster_id=self._identity.cluster_id,
            facts=host.facts(self._settings, self._watch.facts, address),
            incarnation=self._identity.incarnation,
            holding=self._core.holding,
            blind=not self._core.looked,
            runtime_error=self._watch.error,
            images=self._images.names,
        )

    def _welcomed(self, welcome: Welcome) -> None:
        if why := self._core.why_not_obey(welcome.revision):
            raise PeerFault(why)
        self._identity.join(welcome.cluster_id)
        self.joined.set()

    def _engine_changed(self) -> None:
        """Tell the manager at once; by a new Hello if the last one could not say what is held here."""
        if not self._watch.error:
            self._images.look_soon()
        if not self._session.connected:
            return
        if not self._watch.error and not self._told_of_holding:
            self._supervisor.spawn(
                self._session.hang_up(), "new session with what the engine holds"
            )
        else:
            self._session.beat_now()

    def _answered_by_step(self, event: ContainerEvent) -> bool:
        """Whether a step of ours is about to tell how the container looks after this event, or has told already."""
        step = self._core.step_on(event.container_id)
        if step is None:  # the answer to a start is often here before its event
            return event.action == "start" and self._core.runs(event.container_id)
        return (event.action == "start") is isinstance(step, Start)

    def _handed_on(self, message: Errand | Told) -> None:
        match message:
            case Sample():
                self._sampler.sample(message)
            case OpenTunnel():
                self._tunnels.open(message)
            case OpenStream():
                self._streams.open(message)
            case TellSecret():
                self._secrets.told(message)
            case TellAccount():
                self._accounts.told(message)

    def _trouble(self) -> str:
        if self._watch.error:
            return f"engine: {self._watch.error}"
        return "" if self._session.connected else f"no session with {self._manager_url}"
