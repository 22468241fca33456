"""Asks containers whether they work: by HTTP, by a TCP connection, by a command inside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import aiohttp
from yarl import URL

from cube.aio.supervise import Supervisor
from cube.core.worker.inputs import Probed
from cube.core.worker.steps import Probe
from cube.model.spec import ProbeKind
from cube.runtime.contract import ContainerPaused, Runtime, RuntimeFailure

log = logging.getLogger(__name__)

BODY_LIMIT = 64 * 1024  # an answer is judged by its status; the body is drained only to be polite
OUTPUT_LIMIT = 200  # characters of a command's output that are worth a line
HOST = "127.0.0.1"  # of a container without an address of its own: it shares the machine's


class Prober:
    """Sends probes, each a task of its own. Every probe is answered by one Probed within its timeout."""

    def __init__(
        self, *, runtime: Runtime, supervisor: Supervisor, tell: Callable[[Probed], None]
    ) -> None:
        self._runtime = runtime
        self._supervisor = supervisor
        self._tell = tell
        self._http: aiohttp.ClientSession | None = None

    def send(self, probe: Probe) -> None:
        """Begin the probe."""
        self._supervisor.spawn(self._answer(probe), f"probe {probe.id}")

    async def close(self) -> None:
        """Let go of all connections."""
        if self._http is not None:
            await self._http.close()

    async def _answer(self, probe: Probe) -> None:
        timeout_ms = probe.check.timeout_ms
        passed, output, paused = False, "the probe itself failed", False
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                passed, output = await self._ask(probe)
        except TimeoutError:
            output = f"no answer in {timeout_ms} ms"
        except (OSError, aiohttp.ClientError, ValueError) as error:
            output = _reason(error)
        except RuntimeFailure as error:
            output, paused = error.message, isinstance(error, ContainerPaused)
        finally:
            self._tell(Probed(probe.id, probe.container_id, passed, output, paused))

    async def _ask(self, probe: Probe) -> tuple[bool, str]:
        match probe.check.kind:
            case ProbeKind.HTTP:
                return await self._ask_http(probe)
            case ProbeKind.TCP:
                return await _ask_tcp(probe)
            case ProbeKind.COMMAND:
                return await self._ask_command(probe)

    async def _ask_http(self, probe: Probe) -> tuple[bool, str]:
        path, _, query = probe.check.path.partition("?")
        url = URL.build(
            scheme="http",
            host=probe.address or HOST,
            port=probe.port,
            path=path or "/",
            query_string=query,
        )
        async with self._session().get(url, allow_redirects=False) as answer:
            await answer.content.read(BODY_LIMIT)
            return 200 <= answer.status < 400, f"HTTP {answer.status} on {probe.check.path}"

    async def _ask_command(self, probe: Probe) -> tuple[bool, str]:
        result = await self._runtime.run_command(
            probe.container_id, probe.check.command, probe.check.timeout_ms
        )
        words = " ".join(result.output.split())[:OUTPUT_LIMIT]
        return result.code == 0, f"exit {result.code}: {words}" if words else f"exit {result.code}"

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            # One connection per probe: a kept one would test a connection, not the server. No cookies either.
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "cube-probe"},
                auto_decompress=False,
            )
        return self._http


async def _ask_tcp(probe: Probe) -> tuple[bool, str]:
    _, writer = await asyncio.open_connection(probe.address or HOST, probe.port)
    writer.close()
    return True, ""


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError | aiohttp.ClientConnectorError):
        return "connection refused"
    return str(error) or type(error).__name__
