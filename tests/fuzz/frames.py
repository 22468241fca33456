"""WebSockets: frames that break the rules of RFC 6455, and messages that break those of cube's sessions and tunnels."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from cube.model.allocation import Exit, Observed, Phase
from cube.model.ids import AllocationId, NodeId
from cube.model.node import Facts, Usage
from cube.model.resources import Resources
from cube.wire.messages import (
    PROTOCOL,
    Described,
    Hello,
    Lease,
    Observe,
    Report,
    Sampled,
    StreamRefused,
)
from cube.wire.tunnels import (
    Exec,
    Input,
    InputEnd,
    ReadArchive,
    Resize,
    Signal,
    Stat,
    Taken,
    WriteArchive,
    encode_frame,
    encode_wish,
)
from tests.fuzz import documents, texts
from tests.fuzz.operations import HOST
from tests.fuzz.request import Due, Request

UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SESSION, EXEC, COPY = "session", "exec", "copy"
PATHS = {SESSION: b"/worker/session", EXEC: b"/task/web/exec", COPY: b"/task/web/copy"}
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
NODES = ("fuzz-node-1", "fuzz-node-2", "fuzz-node-3")


def draw(number: int, dice: Random) -> Request:
    """Return a WebSocket to the session of workers or to a tunnel, and what is sent through it."""
    place = dice.choice((SESSION, SESSION, EXEC, COPY))
    messages = _session(dice) if place == SESSION else _tunnel(place, dice)
    if dice.random() < 0.5:
        messages.append(_broken(dice))
    return Request(
        number=number,
        about=f"WebSocket {place}",
        data=b"GET " + PATHS[place] + b" HTTP/1.1\r\n" + HOST + UPGRADE,
        due=Due.ANYTHING,
        behind=b"".join(messages),
    )


def frame(
    opcode: int,
    data: bytes,
    *,
    first: int = 0x80,
    mask: bytes | None = b"\1\2\3\4",
    length: int | None = None,
) -> bytes:
    """Return a frame. `first`: the bits beside its opcode; `length`: what it says, where that is not true."""
    said = len(data) if length is None else length
    masked = 0 if mask is None else 0x80
    if said < 126:
        head = bytes([first | opcode, masked | said])
    elif said < 1 << 16:
        head = bytes([first | opcode, masked | 126]) + said.to_bytes(2)
    else:
        head = bytes([first | opcode, masked | 127]) + (said % (1 << 64)).to_bytes(8)
    if mask is None:
        return head + data
    stream = mask * (len(data) // 4 + 1)
    return head + mask + bytes(one ^ other for one, other in zip(data, stream, strict=False))


def _broken(dice: Random) -> bytes:
    """Return frames that nobody should send."""
    data = dice.randbytes(dice.choice((0, 1, 3, 125)))
    match dice.randrange(12):
        case 0:
            return frame(
                dice.randrange(16),
                data,
                first=dice.choice((0x80, 0x90, 0xA0, 0xC0, 0xF0, 0x00, 0x40)),
            )
        case 1:
            return frame(BINARY, data, mask=None)
        case 2:
            return frame(PING, b"x" * dice.choice((0, 125, 126, 1000, 70_000)))
        case 3:
            return frame(
                CLOSE,
                dice.choice(
                    (
                        b"",
                        b"\x03",
                        b"\x03\xe8",
                        b"\x00\x00",
                        b"\x03\xed",
                        b"\xff\xff",
                        b"\x03\xe8\xff\xfe",
                        b"\x03\xe8" + b"a" * 200,
                    )
                ),
            )
        case 4:
            return frame(TEXT, b"\xff\xfe\xed\xa0\x80")
        case 5:
            return frame(0, data)  # goes on with nothing
        case 6:
            return frame(BINARY, data, first=0) + frame(
                BINARY, data
            )  # a second begins inside the first
        case 7:
            return frame(PING, data, first=0) + frame(0, data)
        case 8:
            return frame(
                BINARY,
                b"x" * 200,
                length=dice.choice((1 << 20, 1 << 24, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)),
            )
        case 9:
            return (
                bytes([0x82, 0xFE, 0, 3]) + b"\0\0\0\0abc"
            )  # a length in more bytes than it needs
        case 10:
            return b"".join(frame(PING, b"") for _ in range(300))
        case _:
            return texts.spoilt(frame(BINARY, data), dice)


def _session(dice: Random) -> list[bytes]:
    messages: list[Any] = [_hello(dice)] if dice.random() < 0.85 else []
    messages += [_message(dice) for _ in range(dice.randrange(4))]
    sent = []
    for message in messages:
        told = msgspec.to_builtins(message)
        if dice.random() < 0.4:
            told = _mutated(told, dice)
        sent.append(_packed(told, dice))
    return sent


def _hello(dice: Random) -> Hello:
    name = dice.choice(NODES)
    return Hello(
        protocol=PROTOCOL if dice.random() < 0.95 else texts.number(dice) % (1 << 63),
        node_id=NodeId(name),
        cluster_id="",
        facts=Facts(name=name, capacity=Resources(cpu_millis=10, memory_bytes=1, disk_bytes=1)),
        incarnation=dice.choice(("", "a", "b")),
    )


def _message(dice: Random) -> Any:
    number = dice.choice((0, 1, 2, 2**62))
    match dice.randrange(6):
        case 0:
            return Lease(number=number, usage=Usage() if dice.random() < 0.3 else None)
        case 1:
            seen = Observed(
                phase=dice.choice(list(Phase)),
                epoch=dice.choice((0, 1, 2, 2**62)),
                sequence=number,
                exit=Exit(dice.choice((0, 137))),
            )
            return Observe(
                number=number,
                reports=(Report(AllocationId(dice.choice(texts.NAMES)), seen),)
                * dice.choice((0, 1, 50)),
            )
        case 2:
            return Described(allocations=())
        case 3:
            return StreamRefused(stream_id=dice.choice(texts.NAMES), reason="x")
        case 4:
            return Sampled(number=number, allocations=())
        case _:
            return _hello(dice)


def _tunnel(place: str, dice: Random) -> list[bytes]:
    if place == EXEC:
        wish: Any = Exec(
            command=("sh", "-c", "x"), stdin=dice.random() < 0.5, tty=dice.random() < 0.5
        )
    else:
        wish = dice.choice((Stat(path="/a"), ReadArchive(path="/a"), WriteArchive(path="/a")))
    told: Any = msgspec.json.decode(encode_wish(wish))
    if dice.random() < 0.5:
        told = documents.mutated(told, dice)
    sent = [frame(TEXT, documents.written(told, dice))] if dice.random() < 0.9 else []
    for _ in range(dice.randrange(4)):
        one = dice.choice((Input(b"x" * 100), InputEnd(), Resize(24, 80), Signal(15), Taken(2**40)))
        data = encode_frame(one)
        sent.append(frame(BINARY, texts.spoilt(data, dice) if dice.random() < 0.4 else data))
    return sent


def _mutated(told: Any, dice: Random) -> Any:
    changed = documents.mutated(told, dice)
    return (
        changed
        if dice.random() < 0.9
        else dice.choice(([], {}, None, 1, "x", [changed], {"type": "hello"}))
    )


def _packed(told: Any, dice: Random) -> bytes:
    try:
        data = msgspec.msgpack.encode(told)
    except (
        OverflowError,
        UnicodeEncodeError,
    ):  # a number or half a character that MessagePack does not have
        data = b"\x81\xa4type\xa5hello"
    match dice.randrange(20):
        case 0:
            data = texts.spoilt(data, dice)
        case 1:
            data = dice.choice(
                (
                    b"\x91" * 5_000,
                    b"\x81\xa1a" * 5_000,
                    b"\xdd\xff\xff\xff\xff",
                    b"\xdf\xff\xff\xff\xff",
                    b"\xdb\xff\xff\xff\xff",
                    b"\xc1",
                    b"\xc7\x01\xff\0",
                    b"",
                )
            )
        case 2:
            return frame(TEXT, b"{}")
        case 3:
            middle = len(data) // 2
            return (
                frame(BINARY, data[:middle], first=0) + frame(PING, b"") + frame(0, data[middle:])
            )
    return frame(BINARY, data)
