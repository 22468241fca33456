"""Commands inside a container of the Docker engine, with their streams, and the end of those that nobody reads."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import msgspec

from cube.model.allocation import Failure, FailureKind
from cube.runtime import processes
from cube.runtime.contract import RuntimeFailure
from cube.runtime.engine import Engine, container_path
from cube.runtime.failures import Asked, Refused, Verb, exec_failure
from cube.runtime.hijack import Hijacked
from cube.runtime.inside import ExecOptions
from cube.runtime.streams import BrokenStream, Frames

log = logging.getLogger(__name__)

ASK_SECONDS = 30.0
POLL_FIRST, POLL_LONGEST = 0.01, 1.0  # the output may end long before the command does
RESIZE_TRIES, RESIZE_PAUSE = 20, 0.02  # a terminal is there a moment after its command was started
HANG_UP_SECONDS = (
    1.0  # for what saves something when its terminal goes, as shells do with their history
)
END_SECONDS = 10.0
NO_DETACHING = "ctrl-^,ctrl-@,ctrl-^,ctrl-@"
"""The engine keeps the first of these keys back until the next one is typed. Its default begins with ctrl-p, which
shells need; and a session that was left would be ended here anyway."""
_NEVER_STARTED = b"OCI runtime exec failed: "


class _Created(msgspec.Struct, frozen=True, rename="pascal"):
    id: str


class ExecState(msgspec.Struct, frozen=True, rename="pascal"):
    """How a command stands. `pid` is its number on the engine's machine; 0 until it runs."""

    running: bool = False
    exit_code: int | None = None
    pid: int = 0


async def create_exec(engine: Engine, asked: Asked, body: dict[str, object]) -> str:
    """Make a command known to the engine, and return its id."""
    path = container_path(asked.subject, "exec")
    raw = await engine.ask(asked, "POST", path, ASK_SECONDS, body=body)
    return msgspec.json.decode(raw, type=_Created).id


async def exec_state(engine: Engine, asked: Asked, exec_id: str) -> ExecState:
    """Return how a command stands."""
    return await engine.ask_for(ExecState, asked, f"exec/{exec_id}/json", ASK_SECONDS)


async def exit_code(engine: Engine, asked: Asked, exec_id: str) -> int:
    """Wait until a command has ended, and return its code."""
    pause = POLL_FIRST
    while True:
        state = await exec_state(engine, asked, exec_id)
        if not state.running and state.exit_code is not None:
            return state.exit_code
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, POLL_LONGEST)


@asynccontextmanager
async def run_exec(
    engine: Engine, container_id: str, options: ExecOptions
) -> AsyncIterator[DockerProcess]:
    """Start the command; leaving the block ends it, with all it has started that is no daemon."""
    asked = Asked(Verb.EXEC, container_id)
    exec_id = await create_exec(engine, asked, _body(options))
    start = {"Detach": False, "Tty": options.tty}
    wire = await engine.hijack(asked, f"exec/{exec_id}/start", start, ASK_SECONDS)
    process = DockerProcess(engine, asked, exec_id, wire, tty=options.tty)
    try:
        if not options.stdin:
            await process.end_input()
        if options.tty and options.rows and options.columns:
            await process.first_size(options.rows, options.columns)
        yield process
    finally:
        wire.close()
        await process.end()


class DockerProcess:
    """A command that runs inside a container. Promises: see `Process`."""

    def __init__(
        self, engine: Engine, asked: Asked, exec_id: str, wire: Hijacked, *, tty: bool
    ) -> None:
        self._engine = engine
        self._asked = asked
        self._exec_id = exec_id
        self._wire = wire
        self._frames = None if tty else Frames()
        self._unread: list[tuple[str, bytes]] = []
        self._began = self._deaf = self._ended = False

    async def read(self) -> tuple[str, bytes] | None:
        """What it wrote next; None when it has closed both of its outputs."""
        while not self._unread:
            async with self._engine.guarded(self._asked):
                data = await self._wire.read()
            if not data:
                return None
            self._unread = list(self._cut(data))
        stream, content = self._unread.pop(0)
        if not self._began:
            self._began = True
            await self._check_start(content)
        return stream, content

    async def write(self, data: bytes) -> None:
        """Give it this on stdin; dropped when it reads no more."""
        if self._deaf:
            return
        try:
            await self._wire.write(data)
        except OSError:
            self._deaf = True  # its end is told by what it wrote, not by what it did not read

    async def end_input(self) -> None:
        """Tell it that its stdin has ended."""
        self._wire.end()

    async def resize(self, rows: int, columns: int) -> None:
        """Give its terminal another size."""
        size = {"h": str(rows), "w": str(columns)}
        path = f"exec/{self._exec_id}/resize"
        try:
            await self._engine.ask(self._asked, "POST", path, ASK_SECONDS, params=size)
        except Refused as refused:
            log.debug("exec %s: %s", self._exec_id[:12], refused)

    async def first_size(self, rows: int, columns: int) -> None:
        """Give its terminal a size as soon as there is one."""
        size = {"h": str(rows), "w": str(columns)}
        path = f"exec/{self._exec_id}/resize"
        for _ in range(RESIZE_TRIES):
            try:
                await self._engine.ask(self._asked, "POST", path, ASK_SECONDS, params=size)
            except Refused:
                await asyncio.sleep(RESIZE_PAUSE)
            else:
                return

    async def signal(self, number: int) -> None:
        """Send the signal to the command and to what it started, as a terminal would."""
        if pid := await self._number():
            await self._signal_session(pid, number)

    async def exit_code(self) -> int:
        """Wait until it has ended, and return its code."""
        code = await exit_code(self._engine, self._asked, self._exec_id)
        self._ended = True
        return code

    async def end(self) -> None:
        """End it where it still runs: hang up, and kill what is left after a second. Failures are logged."""
        if self._ended:
            return
        try:
            async with asyncio.timeout(END_SECONDS):
                if pid := await self._number():
                    await self._kill(pid)
        except (RuntimeFailure, TimeoutError, OSError) as error:
            gone = isinstance(error, RuntimeFailure) and error.kind is FailureKind.REMOVED_OUTSIDE
            log.log(
                logging.DEBUG if gone else logging.WARNING,
                "the end of a command in %s is not sure: %s",
                self._asked.subject[:12],
                error,
            )

    async def _number(self) -> int:
        """Return its number on this machine; 0 when it has ended. One that is just being started is waited for."""
        pause = POLL_FIRST
        while True:
            state = await exec_state(self._engine, self._asked, self._exec_id)
            if state.pid and state.running:
                return state.pid
            if state.exit_code is not None:
                return 0
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, POLL_LONGEST)

    async def _kill(self, pid: int) -> None:
        if not await self._signal_session(pid, signal.SIGHUP):
            return
        pause, left = POLL_FIRST, HANG_UP_SECONDS
        while left > 0:
            await asyncio.sleep(pause)
            left, pause = left - pause, pause * 2
            if not await self._members(pid):
                return
        await self._signal_session(pid, signal.SIGKILL)

    async def _signal_session(self, leader: int, number: int) -> bool:
        """Signal all of a session; False when nothing of it could be found on this machine."""
        members = await self._members(leader)
        try:
            for pid in members:
                processes.send(pid, number, self._asked.subject)
        except PermissionError:
            await self._signal_inside(leader, number)
        if not members:
            log.warning("a command in %s runs out of reach", self._asked.subject[:12])
        return bool(members)

    async def _signal_inside(self, leader: int, number: int) -> None:
        """Let a command in the container signal the other one: for a worker that may not, not being root."""
        inside = processes.number_inside(leader)
        body: dict[str, object] = {"Cmd": ["kill", f"-{number}", f"-{inside}"], "User": "0"}
        helper = await create_exec(self._engine, self._asked, body)
        path = f"exec/{helper}/start"
        await self._engine.ask(self._asked, "POST", path, ASK_SECONDS, body={"Detach": True})

    async def _members(self, leader: int) -> list[int]:
        return await asyncio.to_thread(processes.session_of, leader, self._asked.subject)

    def _cut(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        if self._frames is None:
            return [("stdout", data)]
        try:
            return list(self._frames.feed(data))
        except BrokenStream as error:
            message = f"the engine's answer to a command is not readable: {error}"
            raise RuntimeFailure(Failure(FailureKind.ENGINE_ERROR, message)) from error

    async def _check_start(self, content: bytes) -> None:
        """Tell the engine's own words from the command's: it writes them where the output would be."""
        if content.startswith(_NEVER_STARTED):
            code = await self.exit_code()
            state = await exec_state(self._engine, self._asked, self._exec_id)
            if not state.pid and code in (126, 127):
                raise RuntimeFailure(exec_failure(self._asked, content.decode("utf-8", "replace")))


def _body(options: ExecOptions) -> dict[str, object]:
    return {
        "Cmd": list(options.command),
        "Env": [f"{key}={value}" for key, value in options.env.items()],
        "User": options.user,
        "WorkingDir": options.workdir,
        "Tty": options.tty,
        "AttachStdin": options.stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "DetachKeys": NO_DETACHING,
    }
