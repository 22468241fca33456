"""The user's end of a tunnel. For what runs an event loop: importing this imports aiohttp, which takes a while."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp

from cube.client.channel import Channel, dial
from cube.client.transport import Address, bearer, segment, trust_of
from cube.errors import CubeError, ManagerAway, NotAllowed, PeerFault
from cube.security.tls import in_words
from cube.wire.problems import error_of
from cube.wire.routes import TASKS
from cube.wire.tunnels import (
    Exec,
    Exited,
    Failed,
    Frame,
    ToUser,
    Wish,
    decode_to_user,
    encode_wish,
    window_of,
)
from cube.wire.views import Problem


class Tunnel:
    """An open tunnel: `channel` to send, `listen` to hear."""

    def __init__(self, channel: Channel[ToUser]) -> None:
        self.channel = channel

    async def listen(self, hear: Callable[[ToUser], None]) -> int:
        """Pass on what comes until the end, and return its code. CubeError when it could not be done."""
        ends: list[Frame] = []

        def hear_end(frame: ToUser) -> None:
            if isinstance(frame, Exited | Failed):
                ends.append(frame)
            else:
                hear(frame)

        await self.channel.listen(hear_end, until=lambda: bool(ends))
        match ends:
            case [Exited(code=code)]:
                return code
            case [Failed() as failed]:
                raise _error(failed)
        raise ManagerAway("the connection with the manager broke off")


@asynccontextmanager
async def open_tunnel(address: Address, ref: str, wish: Wish) -> AsyncIterator[Tunnel]:
    """Open a tunnel to a container of that task or slot and say what is wanted. ManagerAway when nobody answers.

    Leaving the block ends what it was opened for.
    """
    verb = "exec" if isinstance(wish, Exec) else "copy"
    url = f"{'wss' if address.tls else 'ws'}://{address}{TASKS[0]}/{segment(ref)}/{verb}"
    tls = await asyncio.to_thread(trust_of, address) if address.tls else True
    try:
        async with dial(url, bearer(address), tls=tls) as socket:
            await socket.send_str(encode_wish(wish))
            yield Tunnel(Channel(socket, decode_to_user, window_of(wish)))
    except aiohttp.WSServerHandshakeError as error:
        raise PeerFault(
            f"the manager at {address} opened no tunnel ({error.status})",
            hint="`cube version` shows who answers there",
        ) from error
    except aiohttp.ClientSSLError as error:
        raise NotAllowed(f"{address}: {in_words(_failure(error), address.host)}") from error
    except aiohttp.ClientConnectorError as error:
        raise ManagerAway(
            f"no manager answers at {address} ({_reason(error.os_error)})",
            hint="start one with `cube manager start`, or name another with -m HOST:PORT",
        ) from error
    except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
        raise ManagerAway(f"the connection with the manager at {address} broke off") from error


def _error(failed: Failed) -> CubeError:
    return error_of(
        Problem(
            type="", title="", status=0, detail=failed.message, code=failed.code, hint=failed.hint
        )
    )


def _failure(error: aiohttp.ClientSSLError) -> ssl.SSLError:
    cause: object = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    return cause if isinstance(cause, ssl.SSLError) else ssl.SSLError(str(error))


def _reason(error: OSError) -> str:
    # asyncio puts a text of its own where the system's belongs.
    return os.strerror(error.errno).lower() if error.errno else str(error)
