"""What crosses a tunnel: a connection both ways, from a user through the manager into one container.

The user's side says first what it wants, as JSON text (`Wish`). After that both sides send frames, one in each
WebSocket message, as MessagePack arrays that begin with the number of their kind:

    user     Input, InputEnd, Resize, Signal          worker   Began, Output, ErrorOutput, then Exited or Failed
    both     Taken                                    manager  Reached, first of all

Data is sent only as far as the other side has room (`cube/wire/window.py`), so both always read, and a signal or a
broken connection is noticed however much data waits.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from cube.errors import InvalidInput, Objection, PeerFault
from cube.wire.window import COPY_WINDOW, WINDOW

DATA_LONGEST = 64 * 1024
FRAME_LONGEST = DATA_LONGEST + 64
WISH_LONGEST = 256 * 1024  # twice what Linux takes as one argument
PATH_LONGEST = 4096  # PATH_MAX of Linux
MESSAGE_LONGEST = 4096

Data = Annotated[bytes, Meta(max_length=DATA_LONGEST)]
Path = Annotated[str, Meta(min_length=1, max_length=PATH_LONGEST)]
Cells = Annotated[int, Meta(ge=0, le=0xFFFF)]
Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]

# What is wanted -----------------------------------------------------------------------------------


class Exec(
    msgspec.Struct,
    frozen=True,
    tag="exec",
    tag_field="do",
    kw_only=True,
    forbid_unknown_fields=True,
):
    """Run a command in the container. `rows` and `columns` are those of the terminal at the start."""

    command: Annotated[tuple[str, ...], Meta(min_length=1)]
    env: dict[str, str] = {}
    user: str = ""
    workdir: str = ""
    tty: bool = False
    stdin: bool = False
    rows: Cells = 0
    columns: Cells = 0


class Stat(
    msgspec.Struct,
    frozen=True,
    tag="stat",
    tag_field="do",
    kw_only=True,
    forbid_unknown_fields=True,
):
    """Say what is at this path."""

    path: Path


class ReadArchive(
    msgspec.Struct,
    frozen=True,
    tag="read",
    tag_field="do",
    kw_only=True,
    forbid_unknown_fields=True,
):
    """Send what is at this path as a tar."""

    path: Path


class WriteArchive(
    msgspec.Struct,
    frozen=True,
    tag="write",
    tag_field="do",
    kw_only=True,
    forbid_unknown_fields=True,
):
    """Take the tar that follows apart in this folder."""

    path: Path


Wish = Exec | Stat | ReadArchive | WriteArchive


def window_of(wish: Wish) -> int:
    """Return how many bytes of data may be under way in each direction of its tunnel."""
    return WINDOW if isinstance(wish, Exec) else COPY_WINDOW


class PathInfo(msgspec.Struct, frozen=True, array_like=True):
    """What is at a path of a container. `kind` is file, folder, link or other."""

    name: str
    kind: str
    size: int = 0
    link: str = ""  # where it leads


# Frames -------------------------------------------------------------------------------------------


class Input(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=0):
    """Bytes for the command's stdin, or of the tar that is written."""

    data: Data


class InputEnd(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """No more Input will come."""


class Resize(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=2):
    """The terminal has another size now."""

    rows: Cells
    columns: Cells


class Signal(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=3):
    """Send the command this signal."""

    number: Annotated[int, Meta(ge=1, le=64)]


class Taken(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=4):
    """So many bytes of data have been used up: as many more may be sent."""

    count: Size


class Reached(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=16):
    """Which slot it is, on which node, and whether there were others to choose from."""

    name: str
    node: str
    chosen: bool


class Began(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=17):
    """The command runs, or the copy goes on; `info` is what is at the path, None where there is nothing."""

    info: PathInfo | None = None


class Output(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=18):
    """Bytes of the command's stdout, or of the tar that is read."""

    data: Data


class ErrorOutput(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=19):
    """Bytes of the command's stderr."""

    data: Data


class Exited(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=20):
    """The end: the command's exit code; 0 for a copy."""

    code: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


class Failed(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=21):
    """The end: it could not be done, and why. `code` is that of an error, as in problems."""

    code: str
    message: str
    hint: str = ""


FromUser = Input | InputEnd | Resize | Signal | Taken
ToUser = Taken | Reached | Began | Output | ErrorOutput | Exited | Failed
Frame = FromUser | ToUser

F = TypeVar("F")

_pack = msgspec.msgpack.Encoder()
_json = msgspec.json.Encoder()
_wish: msgspec.json.Decoder[Wish] = msgspec.json.Decoder(Wish)
_from_user: msgspec.msgpack.Decoder[FromUser] = msgspec.msgpack.Decoder(FromUser)
_to_user: msgspec.msgpack.Decoder[ToUser] = msgspec.msgpack.Decoder(ToUser)


def encode_frame(frame: Frame) -> bytes:
    """Return the frame as one message."""
    return _pack.encode(frame)


def decode_from_user(data: bytes) -> FromUser:
    """Return a frame that the user's side sent. PeerFault when it is none, or one of the other direction."""
    return _frame(_from_user, data)


def decode_to_user(data: bytes) -> ToUser:
    """Return a frame for the user's side. PeerFault when it is none, or one of the other direction."""
    return _frame(_to_user, data)


def encode_wish(wish: Wish) -> str:
    """Return the wish as the text that opens a tunnel."""
    return _json.encode(wish).decode()


def decode_wish(text: str) -> Wish:
    """Return what somebody wants of a container. InvalidInput naming what is wrong with it."""
    if len(text) > WISH_LONGEST:
        raise _unreadable(f"is longer than {WISH_LONGEST} characters")
    try:
        return _wish.decode(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(str(error)) from error


def pieces(data: bytes) -> list[bytes]:
    """Return the data cut into pieces that fit into a frame."""
    return [data[start : start + DATA_LONGEST] for start in range(0, len(data), DATA_LONGEST)]


def _frame(decoder: msgspec.msgpack.Decoder[F], data: bytes) -> F:
    if len(data) > FRAME_LONGEST:
        raise PeerFault(f"a frame of {len(data)} bytes came; {FRAME_LONGEST} is the most")
    try:
        return decoder.decode(data)
    except (ValueError, RecursionError) as error:
        raise PeerFault(f"a frame cannot be read: {error}") from error


def _unreadable(why: str) -> InvalidInput:
    return InvalidInput((Objection("", why),), what="the wish")
