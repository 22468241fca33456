"""The worker's own HTTP API, for people and probes on its machine. It shows and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from cube.core.worker.core import WorkerCore
from cube.core.worker.workload import Workload
from cube.errors import CubeError, NotFound
from cube.instruments import CONTENT_TYPE as CONTENT_TYPE_METRICS
from cube.model.allocation import Exit, Observed, Phase, Wanted
from cube.model.ids import AllocationId, slot_name, split_allocation_id
from cube.wire import routes
from cube.wire.codec import encode_view
from cube.wire.problems import CONTENT_TYPE, problem_of
from cube.wire.views import AllocationView, ExitView, Problem
from cube.worker import host

KEEP_ALIVE_SECONDS = 15.0  # aiohttp's default keeps idle connections for an hour
BODY_LIMIT = 1024  # nothing here takes a body
PATH_SHOWN = 100


class LocalApi:
    """Answers from what the core knows; asks neither the engine nor the manager."""

    def __init__(
        self,
        *,
        core: WorkerCore,
        node_id: str,
        node: str,
        data: Path,
        manager: str,
        trouble: Callable[[], str],
        metrics: Callable[[], bytes],
    ) -> None:
        self._core = core
        self._node_id = node_id
        self._node = node
        self._data = data
        self._manager = manager
        self._trouble = trouble
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        tasks = [
            route
            for root in routes.TASKS
            for route in (web.get(root, self._tasks), web.get(f"{root}/{{id}}", self._task))
        ]
        return [
            *tasks,
            web.get(routes.STATS, self._stats),
            web.get(routes.HEALTHZ, self._healthz),
            web.get(routes.METRICS, self._show_metrics),
        ]

    async def start(self, address: str, port: int) -> int:
        """Listen and return the port. CubeError when the address is taken."""
        application = web.Application(middlewares=[self._tell_problems], client_max_size=BODY_LIMIT)
        application.add_routes(self.routes())
        self._runner = web.AppRunner(
            application, access_log=None, keepalive_timeout=KEEP_ALIVE_SECONDS
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, address, port).start()
        except OSError as error:
            await self.close()
            raise CubeError(
                f"the worker cannot listen on {address}:{port}: {error.strerror}",
                hint="choose another port with --port",
            ) from error
        bound: int = self._runner.addresses[0][1]
        return bound

    async def close(self) -> None:
        """Stop listening. Repeats safely."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _tasks(self, _: web.Request) -> web.Response:
        return _json([self._view(workload) for workload in self._core.workloads()])

    async def _task(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        found = [workload for workload in self._core.workloads() if _answers_to(workload, id)]
        if not found:
            return _problem(
                problem_of(
                    NotFound(
                        f"nothing called {id!r} is on this worker",
                        hint=f"ask the manager: curl {self._manager}/task/{id}",
                    )
                )
            )
        exact = self._core.get(AllocationId(id))
        return _json(self._view(exact) if exact else [self._view(workload) for workload in found])

    async def _stats(self, _: web.Request) -> web.Response:
        return _json(host.stats(self._data, sum(1 for _ in self._core.workloads())))

    async def _healthz(self, _: web.Request) -> web.Response:
        trouble = self._trouble()
        return web.Response(text=f"{trouble or 'ok'}\n", status=503 if trouble else 200)

    async def _show_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": CONTENT_TYPE_METRICS})

    @web.middleware
    async def _tell_problems(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Tell what the router refuses in words that name the manager: who changes something is at the wrong door."""
        try:
            return await handler(request)
        except web.HTTPException as error:
            allow = error.headers.get(hdrs.ALLOW, "")
            headers = {"Allow": allow} if allow else {}
            if error.status == 405 and request.method == hdrs.METH_OPTIONS:
                return web.Response(status=204, headers=headers)
            return _problem(self._refusal(error, request), headers)

    def _refusal(self, error: web.HTTPException, request: web.Request) -> Problem:
        place = f"{self._manager}{request.path[:PATH_SHOWN]}"
        if error.status == 404:
            told = f"there is nothing at {request.path[:PATH_SHOWN]!r}"
            return problem_of(NotFound(told, hint=f"ask the manager: curl {place}"))
        if error.status != 405:
            return problem_of(CubeError(error.reason))
        return Problem(
            type="urn:cube:problem:not_here",
            title="Not on a worker",
            status=405,
            detail=f"workers take orders from their manager only: send this to {self._manager}",
            code="not_here",
            hint=f"curl -X {request.method} {place}",
        )

    def _view(self, workload: Workload) -> AllocationView:
        task_id, slot, generation = split_allocation_id(workload.id)
        seen = workload.face or Observed(restart=workload.restart)
        return AllocationView(
            id=workload.id,
            task_id=task_id,
            name=slot_name(workload.spec.name if workload.spec else task_id, slot),
            slot=slot,
            generation=generation,
            node_id=self._node_id,
            node=self._node,
            phase=seen.phase.name.lower(),
            wanted=(workload.wanted or Wanted.RUN).value,
            reason=seen.message,
            health=seen.health,
            ready=seen.phase is Phase.RUNNING
            and not seen.paused
            and seen.health in ("none", "healthy"),
            restarts=workload.restart,
            container_id=seen.container_id or None,
            address=seen.address or None,
            ports=seen.ports,
            exit=_exit_view(seen.exit),
            failure=seen.failure,
            timings=seen.timings,
            started_at=_moment(seen.started_ms),
        )


def _answers_to(workload: Workload, id: str) -> bool:
    task_id = split_allocation_id(workload.id)[0]
    return id in (workload.id, task_id, workload.spec.name if workload.spec else task_id)


def _exit_view(exit: Exit | None) -> ExitView | None:
    if exit is None:
        return None
    return ExitView(code=exit.code, signal=exit.signal, out_of_memory=exit.out_of_memory)


def _moment(at_ms: int) -> datetime | None:
    return datetime.fromtimestamp(at_ms / 1000, UTC) if at_ms else None


def _json(value: object) -> web.Response:
    return web.Response(body=encode_view(value) + b"\n", content_type="application/json")


def _problem(problem: Problem, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=encode_view(problem) + b"\n",
        status=problem.status,
        content_type=CONTENT_TYPE,
        headers=headers,
    )
