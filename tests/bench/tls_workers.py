"""`python -m tests.bench.tls_workers PORT COUNT`: so many workers that join over TLS, keep leases and run nothing.

Reads a join token from the first line of stdin. Each further line is answered with how many are in session now, and how
often one had to be dialled again; ends with stdin.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import aiohttp
import msgspec

from cube.model.ids import NodeId
from cube.model.node import Facts
from cube.security.authority import make_key, make_request
from cube.security.join import JoinSecret, read_token
from cube.security.tls import asking_context, client_context, small_buffers
from cube.wire.codec import decode_from_manager, decode_view, encode_message
from cube.wire.membership import Certified, JoinRequest
from cube.wire.messages import PROTOCOL, Hello, Lease, LeaseHeld, Welcome
from cube.wire.routes import JOIN, SESSION
from tests.bench.open_files import allow_many
from tests.bench.strangers import OUTSIDE
from tests.builders import CAPACITY

JOINS_PER_ADDRESS = 5  # the manager takes no more of one address in a minute
DIALS_AT_ONCE = 20


class Workers:
    """All of one process."""

    def __init__(self, port: int, directory: Path) -> None:
        self._base = f"https://{OUTSIDE}:{port}"
        self._directory = directory
        self._dialling = asyncio.Semaphore(DIALS_AT_ONCE)
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.in_session = 0
        self.ended = 0

    async def run(self, count: int, token: JoinSecret) -> None:
        """Join with all, and keep the leases of all until cancelled."""
        async with self._http, asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(self._work(number, token), name=f"worker {number}")

    async def _work(self, number: int, token: JoinSecret) -> None:
        node_id = NodeId(f"crowd-{number}")
        async with self._dialling:
            certified, own = await self._join(number, node_id, token)
        context = client_context(certified.roots, own)
        while True:
            try:
                async with self._dialling:
                    socket = await self._http.ws_connect(self._base + SESSION, ssl=context)
                await self._converse(socket, node_id)
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass
            self.ended += 1
            await asyncio.sleep(1.0)

    async def _join(
        self, number: int, node_id: NodeId, token: JoinSecret
    ) -> tuple[Certified, Path]:
        key = make_key()
        asked = JoinRequest(
            id=token.id, secret=token.secret, request=make_request(key), node_id=node_id
        )
        address = (
            f"127.2.{number // JOINS_PER_ADDRESS // 200}.{number // JOINS_PER_ADDRESS % 200 + 1}"
        )
        connector = aiohttp.TCPConnector(local_addr=(address, 0), ssl=asking_context())
        async with (
            aiohttp.ClientSession(connector=connector) as http,
            http.post(self._base + JOIN, data=msgspec.json.encode(asked)) as answer,
        ):
            if answer.status != 200:
                raise RuntimeError(f"no certificate: {answer.status} {await answer.text()}")
            certified = decode_view(await answer.read(), Certified)
        own = self._directory / f"{number}.pem"
        own.write_bytes(key + certified.certificate.encode())
        return certified, own

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse, node_id: NodeId) -> None:
        facts = Facts(name=node_id, capacity=CAPACITY)
        hello = Hello(protocol=PROTOCOL, node_id=node_id, cluster_id="", facts=facts)
        await socket.send_bytes(encode_message(hello))
        welcome = decode_from_manager(await socket.receive_bytes())
        if not isinstance(welcome, Welcome):
            raise ConnectionResetError(f"not welcome: {welcome}")
        self.in_session += 1
        try:
            heartbeat, number = welcome.heartbeat, 0
            loop = asyncio.get_running_loop()
            while True:
                number += 1
                await socket.send_bytes(encode_message(Lease(number=number)))
                due = loop.time() + heartbeat
                while (left := due - loop.time()) > 0:
                    try:
                        said = decode_from_manager(await socket.receive_bytes(timeout=left))
                    except TimeoutError:
                        break
                    if isinstance(said, LeaseHeld):
                        heartbeat = said.heartbeat or heartbeat
        except TypeError as error:  # aiohttp's word for a message that is the end
            raise ConnectionResetError("the session ended") from error
        finally:
            self.in_session -= 1
            await socket.close()


async def main(port: int, count: int) -> None:
    """Work until stdin ends."""
    small_buffers()
    loop = asyncio.get_running_loop()
    questions = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    token = read_token((await questions.readline()).decode().strip())
    with tempfile.TemporaryDirectory(prefix="cube-crowd-") as directory:
        workers = Workers(port, Path(directory))
        working = asyncio.create_task(workers.run(count, token), name="workers")
        while await questions.readline():
            if working.done():
                working.result()
            told = {"in_session": workers.in_session, "ended": workers.ended}
            print(json.dumps(told), flush=True)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


if __name__ == "__main__":
    allow_many()
    asyncio.run(main(*map(int, sys.argv[1:3])))
