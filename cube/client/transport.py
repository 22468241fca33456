"""Requests to one manager: connections, time limits, retries, and problems as errors.

A request is sent again only where a second one cannot do harm: reads, and changes that carry an
Idempotency-Key.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Self
from urllib.parse import quote, urlencode

import msgspec

from cube.aio.backoff import Backoff
from cube.errors import CubeError, ManagerAway, NotAllowed, Overloaded, PeerFault
from cube.security.hosts import is_loopback
from cube.wire.problems import error_of
from cube.wire.views import Problem

CONNECT_SECONDS = 1.5  # a manager on the other side of the world answers a second SYN in that
AWAY_SECONDS = 0.4
"""A manager that is found away later than that is not asked again: with the last try a person knows within 2 s."""
READ_SECONDS = 30.0  # the longest honest answer is a bulk POST of 10,000 tasks
RETRIES = 2
"""A manager that restarts is back within a second; one that is gone is to be told of soon."""
GATEWAY_STATUS = frozenset(
    {502, 503, 504}
)  # without a problem document: said by a proxy on the way

Query = Mapping[str, str | int | None]


class Address(msgspec.Struct, frozen=True):
    """Where a manager listens, and the token that opens it (empty: none).

    `tls` needs `ca`: the cluster's root in PEM, or the pin of it (its join tokens begin with it). There is no way to
    speak to a manager whose root is not known.
    """

    host: str
    port: int
    token: str = ""
    tls: bool = False
    ca: str = ""

    def __repr__(self) -> str:
        return f"Address({str(self)!r}, tls={self.tls})"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Reply(msgspec.Struct, frozen=True):
    """A whole answer with a status below 400. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Sends requests to one address. Keeps its connection; not to be shared between threads."""

    def __init__(self, address: Address, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.address = address
        self._sleep = sleep
        self._connection: http.client.HTTPConnection | None = None
        self._context: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection. Repeats safely."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def read(self, path: str, query: Query | None = None) -> Reply:
        """GET, tried again when the manager is briefly away."""
        return self._patiently(lambda: self._exchange("GET", target(path, query), None, {}))

    def change(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A change under one fresh Idempotency-Key: however often it is sent, it happens once."""
        headers = {"Idempotency-Key": _uuid4(), **(headers or {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self._patiently(lambda: self._exchange(method, path, body, headers))

    def change_once(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """A change that carries no key, so it is sent once: whether it happened is told, or not known."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        return self._exchange(method, path, body, headers)

    def stream(
        self,
        path: str,
        query: Query | None,
        headers: Mapping[str, str],
        *,
        read_seconds: float,
    ) -> Stream:
        """Open an answer that is read as it comes, on a connection of its own."""
        connection = self._connect(read_seconds)
        # The response takes the socket over when the manager announces to close it at the end.
        opened = connection.sock
        try:
            connection.request("GET", target(path, query), headers=self._headers(headers))
            response = connection.getresponse()
            if response.status >= 400:
                raise _error(response.status, response.read())
        except BaseException as err:
            connection.close()
            if isinstance(err, (OSError, http.client.HTTPException)):
                raise self._away(err) from err
            raise
        return Stream(connection, response, opened)

    def _patiently(self, attempt: Callable[[], Reply]) -> Reply:
        pause = Backoff(0.1, 1.0)
        began = time.monotonic()
        for _ in range(RETRIES):
            try:
                return attempt()
            except ManagerAway:
                if time.monotonic() - began > AWAY_SECONDS:
                    raise
            except Overloaded:
                pass
            self._sleep(pause.next())
        return attempt()

    def _exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        try:
            connection = self._connection or self._connect(READ_SECONDS)
            self._connection = connection
            connection.request(method, url, body=body, headers=self._headers(headers))
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as err:
            self.close()
            raise self._away(err) from err
        except BaseException:  # interrupted between request and answer: the connection is of no use
            self.close()
            raise
        if response.status >= 400:
            raise _error(response.status, answer)
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, answer)

    def _connect(self, read_seconds: float) -> http.client.HTTPConnection:
        host, port = self.address.host, self.address.port
        connection: http.client.HTTPConnection
        if self.address.tls:
            self._context = self._context or trust_of(self.address)
            connection = http.client.HTTPSConnection(
                host, port, timeout=CONNECT_SECONDS, context=self._context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
        except ssl.SSLError as err:
            from cube.security.tls import in_words

            raise NotAllowed(f"{self.address}: {in_words(err, host)}") from err
        except OSError as err:
            raise self._away(err) from err
        connection.sock.settimeout(read_seconds)
        return connection

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {**headers, **bearer(self.address)}

    def _away(self, err: Exception) -> ManagerAway:
        reason = getattr(err, "strerror", None) or str(err) or type(err).__name__
        plain = not (self.address.tls or is_loopback(self.address.host))
        return ManagerAway(
            f"no manager answers at {self.address} ({reason.lower()})",
            hint=f"other machines are spoken to in TLS: name it https://{self.address}"
            if plain
            else "start one with `cube manager start`, or name another with -m HOST:PORT",
        )


def bearer(address: Address) -> dict[str, str]:
    """Return the header that shows the token, if there is one. NotAllowed where others could read it on its way."""
    if not address.token:
        return {}
    if not (address.tls or is_loopback(address.host)):
        raise NotAllowed(
            f"a token is not sent to {address} without TLS",
            hint=f"name it https://{address}, with its root: `cube context add --ca`, or CUBE_CA",
        )
    return {"Authorization": f"Bearer {address.token}"}


def trust_of(address: Address) -> ssl.SSLContext:
    """Return what verifies the manager at an address of TLS. NotAllowed where its root is not known."""
    from cube.security.tls import client_context

    ca = address.ca
    if not ca:
        raise NotAllowed(
            f"the root of the cluster at {address} is not known here",
            hint="CUBE_CA, or `cube context add --ca`: the file of the root, or its pin from `cube ca show`",
        )
    if not ca.startswith("-----BEGIN"):
        from cube.client.trust import pinned_root

        ca, _ = pinned_root(address.host, address.port, ca)
    return client_context(ca)


class Stream:
    """An answer that is still coming. To be read by one thread."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        opened: socket.socket,
    ) -> None:
        self._connection = connection
        self._socket = opened
        self._response = response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lines(self) -> Iterator[bytes]:
        """Yield each line without its line end as it comes, until the answer ends.

        Raises ManagerAway when it breaks off before.
        """
        rest = bytearray()
        while piece := self._piece():
            start = len(rest)
            rest += piece
            while (end := rest.find(b"\n", start)) >= 0:
                yield bytes(rest[:end]).removesuffix(b"\r")
                del rest[: end + 1]
                start = 0
            if len(rest) > MAX_LINE_BYTES:
                raise PeerFault(f"the manager sent a line of more than {MAX_LINE_BYTES} bytes")

    def _piece(self) -> bytes:
        # Not `readline`: it takes a chunked answer that was cut off for one that has ended.
        try:
            return self._response.read1(PIECE_BYTES)
        except (OSError, http.client.HTTPException) as err:
            raise ManagerAway(f"the connection broke ({err or type(err).__name__})") from err

    def interrupt(self) -> None:
        """Make the thread that waits in `lines` stop waiting. Repeats safely."""
        with contextlib.suppress(OSError):  # the other side was faster
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection; only for the thread that reads. Repeats safely."""
        self._response.close()
        self._connection.close()


PIECE_BYTES = 64 * 1024
MAX_LINE_BYTES = 4 * 1024 * 1024  # a log line is cut at 16 kB; an event is a few hundred bytes


def target(path: str, query: Query | None = None) -> str:
    """Return path and query as they stand in a request line. None leaves a key out."""
    pairs = {key: value for key, value in (query or {}).items() if value is not None}
    return f"{path}?{urlencode(pairs)}" if pairs else path


def segment(text: str) -> str:
    """Return text as one segment of a path, whatever is in it."""
    return quote(text, safe="")


def _error(status: int, body: bytes) -> CubeError:
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.MsgspecError:
        if status in GATEWAY_STATUS:
            return ManagerAway(f"the manager is not ready ({status})")
        return PeerFault(
            f"the answer was {status} and no problem document; is this a cube manager?",
            hint="`cube version` shows who answers there",
        )
    return error_of(problem)


def _uuid4() -> str:
    import uuid  # 5 ms that `cube status` need not pay

    return str(uuid.UUID(bytes=os.urandom(16), version=4))
