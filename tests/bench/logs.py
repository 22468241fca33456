"""Logs through the manager: workers that bring them as fast as they are taken, and one reader that takes them all."""

from __future__ import annotations

import asyncio
import http.client
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import count

from aiohttp import web

from cube.model.logs import Mark
from cube.wire.codec import encode_views
from cube.wire.log_frames import FrameKind, encode_frame
from cube.wire.messages import Lease, OpenStream
from cube.wire.views import LogRecord
from tests.bench.cluster import Cluster, cpu_seconds, free_port, resident_bytes
from tests.bench.figures import table
from tests.manager.fake_worker import FakeWorker

TEXT_BYTES = 200
LINES_A_FRAME = 250  # about what one reading of a socket brings
MEGABYTE = 1_000_000
AT = 1_700_000_000_000_000_000
COLUMNS = (
    "what", "lines of", "MB/s of text", "ratio", "manager core", "manager grew by", "most"
)  # fmt: skip


async def measure(megabytes: int, slots: int) -> str:
    """Bring so many megabytes of text through a bare relay and through the manager, from one slot and from several."""
    seconds = await _through_a_relay(megabytes)
    floor = megabytes / seconds
    relay = ("bare aiohttp: POST to GET", "1 slot", f"{floor:.0f}", "1.00", "", "", "")
    rows: list[tuple[str, ...]] = [relay]
    for number in (1, slots):
        rows.append(await _through_the_manager(megabytes, number, floor))
    return table(COLUMNS, rows)


async def _through_the_manager(megabytes: int, slots: int, floor: float) -> tuple[str, ...]:
    async with Cluster(workers=0) as cluster, AsyncExitStack() as exits:
        worker = await exits.enter_async_context(
            FakeWorker(f"http://127.0.0.1:{cluster.port}", "bench")
        )
        await worker.welcome()
        task = {"name": "bench", "image": "none", "replicas": slots}
        await cluster.submit(task)
        for order in await worker.orders(slots):
            await worker.obey(order)
        leases = asyncio.create_task(_leases(worker))
        exits.callback(leases.cancel)
        await cluster._until("/task/bench", lambda seen: seen["state"] == "running")

        reader = _Reader(cluster.port, "/task/bench/logs", cluster.manager_pid)
        opened = [await worker.expect(OpenStream) for _ in range(slots)]
        frames = megabytes * MEGABYTE // (TEXT_BYTES * LINES_A_FRAME * slots)
        before = cpu_seconds(cluster.manager_pid)
        senders = [
            _Sender(cluster.port, f"/worker/stream/{one.stream_id}", _frames(place, slots, frames))
            for place, one in enumerate(opened)
        ]
        took = await asyncio.to_thread(reader.finish, frames * LINES_A_FRAME * slots)
        used = cpu_seconds(cluster.manager_pid) - before
        for sender in senders:
            sender.join()
    speed = megabytes / took
    grew, most = reader.grew
    return (
        "the manager", f"{slots} slot" + "s" * (slots > 1), f"{speed:.0f}", f"{speed / floor:.2f}",
        f"{used / took:.0%}", f"{grew / MEGABYTE:.0f} MB", f"{most / MEGABYTE:.0f} MB",
    )  # fmt: skip


async def _leases(worker: FakeWorker) -> None:
    for number in count(1):
        await worker.say(Lease(number=number))
        await asyncio.sleep(0.5)


async def _through_a_relay(megabytes: int) -> float:
    """Return the seconds that a relay of two handlers and a queue takes, in a process of its own."""
    port = free_port()
    async with AsyncExitStack() as exits:
        relay = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.logs", str(port), stdout=asyncio.subprocess.PIPE
        )
        exits.callback(relay.terminate)
        assert relay.stdout is not None
        await relay.stdout.readline()
        frames = megabytes * MEGABYTE // (TEXT_BYTES * LINES_A_FRAME)
        reader = _Reader(port, "/", relay.pid)
        sender = _Sender(port, "/", _frames(0, 1, frames))
        took = await asyncio.to_thread(reader.finish, 0)
        sender.join()
    await relay.wait()
    return took


def _frames(place: int, slots: int, number: int) -> Iterator[bytes]:
    """The log of one of the slots, whose lines take turns with those of the others one by one."""
    record = LogRecord(name=f"bench.{place + 1}", node="bench", at_ns=AT, text="x" * TEXT_BYTES)
    body = encode_views([record] * LINES_A_FRAME)
    mark = Mark(out_ns=AT, out_lines=1)
    for one in range(number):
        first = AT + one * LINES_A_FRAME * slots + place
        times = range(first, first + LINES_A_FRAME * slots, slots)
        yield encode_frame(FrameKind.LINES, mark, times, body)
    yield encode_frame(FrameKind.END, mark)


class _Sender(threading.Thread):
    """POSTs frames as fast as they are taken, by a plain socket: what is measured is not to be the sender."""

    def __init__(self, port: int, path: str, frames: Iterator[bytes]) -> None:
        super().__init__(name="sender")
        self._port, self._path, self._frames = port, path, frames
        self.start()

    def run(self) -> None:
        """Send everything and wait for the answer."""
        with socket.create_connection(("127.0.0.1", self._port)) as wire:
            head = f"POST {self._path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            wire.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            for frame in self._frames:
                wire.sendall(b"%x\r\n%s\r\n" % (len(frame), frame))
            wire.sendall(b"0\r\n\r\n")
            wire.recv(1024)


class _Reader(threading.Thread):
    """GETs it all, and notes how much memory the process that it reads from has."""

    def __init__(self, port: int, path: str, pid: int) -> None:
        super().__init__(name="reader")
        self._port, self._path, self._pid = port, path, pid
        self._lines = 0
        self._began = self._ended = 0.0
        self._sizes: list[int] = [resident_bytes(pid)]
        self.start()

    def run(self) -> None:
        """Read to the end."""
        wire = http.client.HTTPConnection("127.0.0.1", self._port)
        wire.request("GET", self._path)
        answer = wire.getresponse()
        looked = 0.0
        while data := answer.read1(1 << 20):
            now = time.perf_counter()
            self._began = self._began or now
            self._lines += data.count(b"\n")
            if now - looked > 0.1:
                self._sizes.append(resident_bytes(self._pid))
                looked = now
        self._ended = time.perf_counter()

    def finish(self, lines: int) -> float:
        """Return the seconds from the first line to the last, of which there must be so many; 0: any number."""
        self.join()
        if lines and abs(self._lines - lines) > 1:  # an empty line comes with the headers
            raise RuntimeError(f"{self._lines} lines came of {lines}")
        return self._ended - self._began

    @property
    def grew(self) -> tuple[int, int]:
        """By how much the process grew until the end, and at most (bytes)."""
        first = self._sizes[0]
        return self._sizes[-1] - first, max(self._sizes) - first


async def _relay(port: int) -> None:
    """The least that can be done with aiohttp: what a POST brings goes out by the GET."""
    chunks: asyncio.Queue[bytes] = asyncio.Queue(16)

    async def take(request: web.Request) -> web.Response:
        async for chunk in request.content.iter_any():
            await chunks.put(chunk)
        await chunks.put(b"")
        return web.Response()

    async def give(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while chunk := await chunks.get():
            await response.write(chunk)
        return response

    app = web.Application()
    app.add_routes([web.post("/", take), web.get("/", give)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_relay(int(sys.argv[1])))
