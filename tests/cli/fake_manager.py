"""A manager that plays scripted answers over real HTTP, and remembers what it was asked."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

import msgspec

from cube.client.transport import Address
from cube.errors import CubeError, NotFound
from cube.wire.problems import problem_of
from cube.wire.views import EventView, TaskDetail
from cube.wire.watch import AttentionView
from tests.cli.views import event


class Asked(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Answer(NamedTuple):
    """What is sent back. `cut` closes the connection before the announced end."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False


def json(value: Any, status: int = 200) -> Answer:
    """An answer with a view."""
    return Answer(status, msgspec.json.encode(value))


def refusal(error: CubeError) -> Answer:
    """An answer with the problem of an error."""
    problem = problem_of(error)
    return Answer(problem.status, msgspec.json.encode(problem))


class FakeManager:
    """Enter it to serve. `answers` come first, once each and in order; then the views it was given."""

    def __init__(self, port: int = 0) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[tuple[str, str], deque[Answer]] = {}
        self.tasks: list[TaskDetail] = []
        self.nodes: list[Any] = []
        self.attention = AttentionView(errors=0, warnings=0, notices=0, concerns=())
        self.events: list[EventView] = []
        self._plays: dict[str, deque[TaskDetail]] = {}
        self._changed = threading.Condition()
        self._closed = False
        fake = self

        class Handler(_Handler):
            manager = fake

        self._server = _Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address("127.0.0.1", self._server.server_address[1])

    def answer(self, method: str, path: str, *answers: Answer) -> None:
        """Give these answers to that request, one after the other, before anything else."""
        self.answers.setdefault((method, path), deque()).extend(answers)

    def play(self, *views: TaskDetail) -> None:
        """Show the task as each of these views in turn, with an event in between; then as the last."""
        self._plays[views[0].id] = deque(views)

    def publish(self, *events: EventView) -> None:
        """Send events to those who follow."""
        with self._changed:
            self.events.extend(events)
            self._changed.notify_all()

    def requests(self, method: str, path: str) -> list[Asked]:
        """What was asked there."""
        return [one for one in self.asked if (one.method, one.path) == (method, path)]

    def respond(self, asked: Asked) -> Answer:
        """Return what to send."""
        self.asked.append(asked)
        if scripted := self.answers.get((asked.method, asked.path)):
            return scripted.popleft()
        noun, _, ref = asked.path.strip("/").partition("/")
        match asked.method, noun, ref:
            case "GET", "task", "":
                return json(self.tasks)
            case "GET", "readyz", "":
                return json({"status": "ready"})
            case "GET", "node", "":
                return json(self.nodes)
            case "GET", "attention", "":
                return json(self.attention)
            case "GET", "event", "":
                return json(self.events[-int(asked.query.get("limit", "100")) :])
            case "GET", "task", ref if "/" not in ref:
                return self._task(ref)
        return refusal(NotFound(f"there is no {asked.path}"))

    def follow(self, after: int) -> Sequence[EventView] | None:
        """Wait for events after that revision; None when the manager goes away."""
        with self._changed:
            while True:
                if self._closed:
                    return None
                if news := [one for one in self.events if one.revision > after]:
                    return news
                self._changed.wait(5)

    def _task(self, ref: str) -> Answer:
        for key, views in self._plays.items():
            if ref not in (key, views[0].name):
                continue
            view = views[0]
            if len(views) > 1:
                views.popleft()
                newest = self.events[-1].revision if self.events else 0
                view = msgspec.structs.replace(view, events=(event(max(newest, 1)),))
                self.publish(event(max(newest, 1) + 1))
            return json(view)
        for task in self.tasks:
            if ref in (task.id, task.name):
                return json(task)
        return refusal(NotFound(f"there is no task {ref}", hint="see: cube status -a"))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    manager: ClassVar[FakeManager]
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", 0))
        asked = Asked(
            self.command,
            url.path,
            {key: values[0] for key, values in parse_qs(url.query).items()},
            {key.lower(): value for key, value in self.headers.items()},
            msgspec.json.decode(self.rfile.read(length)) if length else None,
        )
        if asked.headers.get("accept") == "text/event-stream" and not self.manager.answers.get(
            (asked.method, asked.path)
        ):
            self.manager.asked.append(asked)
            self._stream(int(asked.headers.get("last-event-id", "0")))
            return
        answer = self.manager.respond(asked)
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.cut:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._chunk(answer.body or b" ")
            self.close_connection = True
            return
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _stream(self, after: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._chunk(b": hello\n\n")
            while (news := self.manager.follow(after)) is not None:
                for one in news:
                    data = msgspec.json.encode(one)
                    self._chunk(
                        b"id: %d\nevent: %s\ndata: %s\n\n" % (one.revision, one.kind.encode(), data)
                    )
                    after = one.revision
        except OSError:
            self.close_connection = True  # the follower has gone

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
