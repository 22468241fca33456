"""Typed values as bytes and back: JSON for people and their programs, MessagePack between workers and manager.

Encoders and decoders are made once: making one takes longer than using it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from cube.errors import PeerFault
from cube.model.event import TaskEvent
from cube.wire.messages import MAX_MESSAGE_BYTES, FromManager, FromWorker

T = TypeVar("T")

_json = msgspec.json.Encoder()
_pack = msgspec.msgpack.Encoder()
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_from_manager: msgspec.msgpack.Decoder[FromManager] = msgspec.msgpack.Decoder(FromManager)
_event: msgspec.msgpack.Decoder[TaskEvent] = msgspec.msgpack.Decoder(TaskEvent)

# What a decoder raises on bytes nobody sane would send: wrong types and bad UTF-8, or a nesting that only
# shows while a field unknown to us is skipped.
_MALFORMED = (ValueError, RecursionError)


def encode_view(view: object) -> bytes:
    """Return a view of the API as JSON: snake_case, times in RFC 3339 with Z."""
    return _json.encode(view)


def encode_views(views: Iterable[object]) -> bytes:
    """Return views as newline-delimited JSON, each line ended."""
    return _json.encode_lines(views)


def decode_view(data: bytes, kind: type[T]) -> T:
    """Return what a manager answered. Fields this version does not know are ignored. PeerFault when malformed."""
    try:
        return _decode_view(data, kind)
    except _MALFORMED as error:
        raise PeerFault(f"the answer is no {kind.__name__}: {error}") from error


def encode_message(message: FromWorker | FromManager) -> bytes:
    """Return a message of a session, to be sent whole."""
    return _pack.encode(message)


def decode_from_worker(data: bytes) -> FromWorker:
    """Return what a worker sent. PeerFault when it is malformed or too long."""
    return _decode_message(_from_worker, data, "worker")


def decode_from_manager(data: bytes) -> FromManager:
    """Return what the manager sent. PeerFault when it is malformed or too long, or holds an order not understood."""
    return _decode_message(_from_manager, data, "manager")


def encode_event(event: TaskEvent) -> bytes:
    """Return a recorded event as the ledger keeps it."""
    return _pack.encode(event)


def decode_event(data: bytes) -> TaskEvent:
    """Return a recorded event. PeerFault when the bytes are none."""
    try:
        return _event.decode(data)
    except _MALFORMED as error:
        raise PeerFault(f"a recorded event cannot be read: {error}") from error


def _decode_message(decoder: msgspec.msgpack.Decoder[T], data: bytes, peer: str) -> T:
    if len(data) > MAX_MESSAGE_BYTES:
        raise PeerFault(
            f"the {peer} sent {len(data)} bytes at once; {MAX_MESSAGE_BYTES} is the most"
        )
    try:
        return decoder.decode(data)
    except _MALFORMED as error:
        raise PeerFault(f"the {peer} sent a message that cannot be read: {error}") from error


def _decode_view(data: bytes, kind: type[T]) -> T:
    decoder: msgspec.json.Decoder[T] | None = _view_decoders.get(kind)
    if decoder is None:
        decoder = _view_decoders[kind] = msgspec.json.Decoder(kind)
    return decoder.decode(data)


_view_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}  # one for each view; there are a dozen
