"""What is held for a client that is sent a stream and does not read it: little, in this process and in the kernel."""

from __future__ import annotations

import socket

from aiohttp import web

from cube.manager.journal import CHUNK_BYTES

SEND_BUFFER = (
    64 * 1024
)  # in the kernel, for one who does not read; its own choice would be megabytes


def bound_buffer(request: web.Request) -> None:
    """Keep the kernel from holding megabytes for somebody who does not read. To be called before the answer begins."""
    wire = request.transport
    if wire is None:
        return
    wire.set_write_buffer_limits(high=CHUNK_BYTES)
    if (door := wire.get_extra_info("socket")) is not None:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
