"""Requests as handlers get them, without a socket."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

HOST = {"Host": "localhost:5555"}


def a_body(*chunks: bytes, complete: bool = True) -> StreamReader:
    """A body of which these chunks have come; more may follow unless it is complete."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.transport = Mock()
    body = StreamReader(protocol, 2**16, loop=loop)
    for chunk in chunks:
        body.feed_data(chunk)
    if complete:
        body.feed_eof()
    return body


def a_request(
    path: str = "/task",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: StreamReader | None = None,
    answered: int = 0,
) -> web.Request:
    """A request from this machine. `answered` bytes of its answer have left already."""
    return make_mocked_request(
        method,
        path,
        headers=HOST | (headers or {}),
        payload=body or Mock(),
        writer=Mock(output_size=answered),
    )
