"""A TCP forwarder, the lab's stand-in for an ssh tunnel: a process of its own, stretched between two namespaces.

`python -m tests.lab.forward LISTEN TO`, both `HOST:PORT`; LISTEN may be `fd:N`, a listening socket that is inherited
and may belong to another namespace. It adds no signs of life: when packets are lost in between, both sides wait as
they would on one long connection. When one side closes, the other is closed.
"""

from __future__ import annotations

import asyncio
import socket
import sys


class End(asyncio.Protocol):
    """One of the two connections of a forwarded one."""

    def __init__(self) -> None:
        self.other: End | None = None
        self._transport: asyncio.Transport | None = None
        self._early = bytearray()  # came from the other side before this one was connected
        self._closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what came early."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._early:
            transport.write(bytes(self._early))
        if self._closed:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Hand it over."""
        if self.other is not None:
            self.other.send(data)

    def send(self, data: bytes) -> None:
        """Send it, or keep it until there is a connection."""
        if self._transport is None:
            self._early += data
        else:
            self._transport.write(data)

    def eof_received(self) -> None:
        """Close both: neither HTTP nor WebSocket speaks on after it has closed one direction."""

    def connection_lost(self, error: Exception | None) -> None:
        """Close the other side too."""
        if self.other is not None:
            self.other.close()

    def close(self) -> None:
        """Close it once what was given to it is sent, also when it is not connected yet. Repeats safely."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        """This side is full: take no more from the other."""
        if self.other is not None and self.other._transport is not None:
            self.other._transport.pause_reading()

    def resume_writing(self) -> None:
        """There is room again."""
        if self.other is not None and self.other._transport is not None:
            self.other._transport.resume_reading()


class Dialler(End):
    """The accepted end: dials the far side, and stops dialling when the near side gives up."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._target = (host, port)
        self._dialling: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Dial."""
        super().connection_made(transport)
        self.other = far = End()
        far.other = self
        self._dialling = asyncio.get_running_loop().create_task(self._dial(far), name="dial")

    def connection_lost(self, error: Exception | None) -> None:
        """Hang up, or stop dialling."""
        super().connection_lost(error)
        if self._dialling is not None:
            self._dialling.cancel()

    async def _dial(self, far: End) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, *self._target)
        except OSError:
            self.close()


async def serve(listener: socket.socket, host: str, port: int) -> None:
    """Forward every connection until cancelled."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Dialler(host, port), sock=listener
    )
    async with server:
        await server.serve_forever()


def listener_of(text: str) -> socket.socket:
    """Return the listening socket that is inherited as `fd:N` or to be bound to `HOST:PORT`."""
    host, _, number = text.rpartition(":")
    if host == "fd":
        return socket.socket(fileno=int(number))
    return socket.create_server((host, int(number)))


def main() -> None:
    """Serve what the command line names."""
    listen, to = sys.argv[1:]
    host, _, port = to.rpartition(":")
    asyncio.run(serve(listener_of(listen), host, int(port)))


if __name__ == "__main__":
    main()
