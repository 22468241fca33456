"""Changes of tasks: create, apply, stop, scale, restart. Decode, decide, encode."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from cube.core.effects import Accepted, Answer
from cube.core.inputs import Apply, Input, Restart, Rollback, Scale, Stop, Submit
from cube.core.roster import settled
from cube.errors import CubeError, InvalidInput, Objection
from cube.manager.api.documents import (
    check_scaled,
    read_named_task,
    read_replicas,
    read_task,
)
from cube.manager.decider import Decider
from cube.manager.idempotency import Changes, Key, key_of
from cube.manager.intake import Query, read_body, reference, too_large
from cube.manager.lookup import find_task
from cube.manager.mint import mint
from cube.manager.replies import Reply, error_of, location_of, refused, shown
from cube.manager.revisions import if_revision
from cube.manager.views import task_view
from cube.model.ids import TaskId
from cube.model.task import Task
from cube.settings import ManagerSettings
from cube.wire.problems import problem_of
from cube.wire.routes import TASKS
from cube.wire.strict import decode
from cube.wire.views import BulkResult, TaskView

BULK_TASKS = 10_000
BULK_ENTRIES = 1_000_000  # keys and items in all: a hundred a task
MULTI_STATUS = 207


class TaskChanges:
    """`POST /task` and the other calls that change a task."""

    def __init__(
        self,
        decider: Decider,
        changes: Changes,
        settings: ManagerSettings,
        foretell: Callable[[Submit | Apply], Awaitable[Reply]],
    ) -> None:
        self._decider = decider
        self._foretell = foretell
        self._changes = changes
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            route
            for root in TASKS
            for route in (
                web.post(root, self.create),
                web.put(f"{root}/{{ref}}", self.apply),
                web.delete(f"{root}/{{ref}}", self.stop),
                web.post(f"{root}/{{ref}}/scale", self.scale),
                web.post(f"{root}/{{ref}}/restart", self.restart),
                web.post(f"{root}/{{ref}}/rollback", self.rollback),
            )
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Create one task, or each of a list in one transaction; with `?dry_run=1` say what one would change."""
        settings, dry_run = self._settings, _dry_run(request)
        body = await read_body(
            request, limit=settings.bulk_body_limit, seconds=settings.limits.body_seconds
        )
        key = _key(request, body)
        if body.lstrip()[:1] == b"[":
            if dry_run:
                raise InvalidInput((Objection("?dry_run", "is for one task, not for a list"),))
            return await self._create_many(body, key)
        if len(body) > settings.body_limit:
            raise too_large(settings.body_limit)
        incoming = read_task(decode(body))
        submit = Submit(incoming.task_id or TaskId(mint()), incoming.spec)
        if dry_run:
            return (await self._foretell(submit)).response()
        reply = await self._changes.make(key, lambda: [submit], self._tell)
        return reply.response()

    async def apply(self, request: web.Request) -> web.Response:
        """Make the task of this name be as the body says; with If-Match only while it is at that revision.

        With `?dry_run=1` only say what that would change.
        """
        name, dry_run = reference(request), _dry_run(request)
        body = await self._body(request)
        incoming = read_named_task(body, name)
        wish = Apply(incoming.task_id or TaskId(mint()), incoming.spec, if_revision(request))
        if dry_run:
            return (await self._foretell(wish)).response()
        reply = await self._changes.make(_key(request, body), lambda: [wish], self._tell)
        return reply.response()

    async def stop(self, request: web.Request) -> web.Response:
        """Stop the task: 202 while containers are going, 204 when all are gone."""
        revision = if_revision(request)
        return await self._change(
            request, lambda task, _: Stop(task.id, if_revision=revision), self._tell_stopped
        )

    async def scale(self, request: web.Request) -> web.Response:
        """Change the number of replicas."""
        revision = if_revision(request)

        def wish(task: Task, body: bytes) -> Input:
            replicas = read_replicas(body)
            check_scaled(task.spec, replicas)
            return Scale(task.id, replicas, revision)

        return await self._change(request, wish, self._tell)

    async def restart(self, request: web.Request) -> web.Response:
        """Replace the containers one after the other."""
        revision = if_revision(request)
        return await self._change(request, lambda task, _: Restart(task.id, revision), self._tell)

    async def rollback(self, request: web.Request) -> web.Response:
        """Go back to the spec before the last one that was applied."""
        revision = if_revision(request)
        return await self._change(request, lambda task, _: Rollback(task.id, revision), self._tell)

    async def _change(
        self,
        request: web.Request,
        wish: Callable[[Task, bytes], Input],
        tell: Callable[[list[Answer]], Reply],
    ) -> web.Response:
        found = reference(request)
        if "dry_run" in request.query:  # whoever asks for it must not get the change itself
            message = "is for creating and applying a task only; nothing was changed"
            raise InvalidInput((Objection("?dry_run", message),))
        body = await self._body(request)

        def wishes() -> list[Input]:
            return [wish(find_task(self._decider.core.cluster, found), body)]

        return (await self._changes.make(_key(request, body), wishes, tell)).response()

    async def _body(self, request: web.Request) -> bytes:
        settings = self._settings
        return await read_body(
            request, limit=settings.body_limit, seconds=settings.limits.body_seconds
        )

    async def _create_many(self, body: bytes, key: Key | None) -> web.Response:
        bulk = Bulk(read_list(body), self._view)
        reply = await self._changes.make(key, bulk.wishes, bulk.tell)
        return reply.response()

    def _view(self, task_id: TaskId) -> TaskView:
        cluster = self._decider.core.cluster
        return task_view(cluster.tasks[task_id], cluster, self._decider.now().wall_ms)

    def _tell(self, answers: list[Answer]) -> Reply:
        [answer] = answers
        if not isinstance(answer, Accepted):
            return refused(error_of(answer))
        view = self._view(answer.task.id)
        if answer.created:
            return shown(view, 201, location=location_of(view.id))
        return shown(view)

    def _tell_stopped(self, answers: list[Answer]) -> Reply:
        [answer] = answers
        if not isinstance(answer, Accepted):
            return refused(error_of(answer))
        if settled(answer.task, self._decider.core.cluster.rosters[answer.task.id]):
            return Reply(204)
        return shown(self._view(answer.task.id), 202)


class Bulk:
    """Many tasks of one request. What is wrong with one keeps no other from being created."""

    def __init__(self, documents: list[object], view: Callable[[TaskId], TaskView]) -> None:
        self._view = view
        self._wishes: list[Submit | CubeError] = [_wish_of(document) for document in documents]

    def wishes(self) -> list[Input]:
        """Return what is to be decided. InvalidInput when there is nothing."""
        wishes: list[Input] = [wish for wish in self._wishes if isinstance(wish, Submit)]
        if not wishes:
            first = self._wishes[0] if self._wishes else None
            if isinstance(first, CubeError):
                raise first
            raise InvalidInput((Objection("", "the list holds no task"),))
        return wishes

    def tell(self, answers: list[Answer]) -> Reply:
        """Return one result for each document, in their order."""
        left = iter(answers)
        results = [
            _failed(wish) if isinstance(wish, CubeError) else self._result(next(left))
            for wish in self._wishes
        ]
        return shown(results, MULTI_STATUS)

    def _result(self, answer: Answer) -> BulkResult:
        if isinstance(answer, Accepted):
            return BulkResult(
                status=201 if answer.created else 200, task=self._view(answer.task.id)
            )
        return _failed(error_of(answer))


def read_list(body: bytes) -> list[object]:
    """Return the documents of a bulk request."""
    documents = decode(body, max_entries=BULK_ENTRIES)
    if not isinstance(documents, list) or len(documents) > BULK_TASKS:
        raise InvalidInput((Objection("", f"must be a list of at most {BULK_TASKS} tasks"),))
    return documents


def _wish_of(document: object) -> Submit | CubeError:
    try:
        incoming = read_task(document)
    except InvalidInput as error:
        return error
    return Submit(incoming.task_id or TaskId(mint()), incoming.spec)


def _failed(error: CubeError) -> BulkResult:
    problem = problem_of(error)
    return BulkResult(status=problem.status, problem=problem)


def _dry_run(request: web.Request) -> bool:
    query = Query(request)
    wanted = query.flag("dry_run")
    query.end()
    return wanted


def _key(request: web.Request, body: bytes) -> Key | None:
    header = request.headers.get("Idempotency-Key")
    return None if header is None else key_of(header, request.method, request.path, body)
