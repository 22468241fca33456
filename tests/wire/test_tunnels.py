"""What crosses a tunnel: every frame comes back as it went, and nothing else is taken for one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.errors import InvalidInput, PeerFault
from cube.wire.tunnels import (
    DATA_LONGEST,
    FRAME_LONGEST,
    WISH_LONGEST,
    Began,
    ErrorOutput,
    Exec,
    Exited,
    Failed,
    Frame,
    Input,
    InputEnd,
    Output,
    PathInfo,
    Reached,
    ReadArchive,
    Resize,
    Signal,
    Stat,
    Taken,
    WriteArchive,
    decode_from_user,
    decode_to_user,
    decode_wish,
    encode_frame,
    encode_wish,
    pieces,
)

data = st.binary(max_size=2000)
cells = st.integers(0, 0xFFFF)
info = st.builds(PathInfo, st.text(), st.text(), st.integers(0, 2**63 - 1), st.text())
from_user = st.one_of(
    st.builds(Input, data),
    st.just(InputEnd()),
    st.builds(Resize, cells, cells),
    st.builds(Signal, st.integers(1, 64)),
    st.builds(Taken, st.integers(0, 2**63 - 1)),
)
to_user = st.one_of(
    st.builds(Taken, st.integers(0, 2**63 - 1)),
    st.builds(Reached, st.text(), st.text(), st.booleans()),
    st.builds(Began, st.none() | info),
    st.builds(Output, data),
    st.builds(ErrorOutput, data),
    st.builds(Exited, st.integers(-(2**31), 2**31 - 1)),
    st.builds(Failed, st.text(), st.text(), st.text()),
)


@given(from_user)
def test_what_a_user_sends_comes_back_as_it_went(frame: Frame) -> None:
    assert decode_from_user(encode_frame(frame)) == frame


@given(to_user)
def test_what_a_user_hears_comes_back_as_it_went(frame: Frame) -> None:
    assert decode_to_user(encode_frame(frame)) == frame


@given(
    st.one_of(
        data,
        st.recursive(st.integers(-1, 2**64 - 1) | st.binary(), st.lists).map(
            msgspec.msgpack.encode
        ),
    )
)
def test_any_bytes_are_a_frame_or_the_peers_fault(hostile: bytes) -> None:
    for decode in (decode_from_user, decode_to_user):
        try:
            frame = decode(hostile)
        except PeerFault:
            continue
        assert type(frame).__name__ in {"Taken", *_names()}


def _names() -> set[str]:
    kinds = (Input, InputEnd, Resize, Signal, Reached, Began, Output, ErrorOutput, Exited, Failed)
    return {kind.__name__ for kind in kinds}


@pytest.mark.parametrize(
    "frame", [Output(b"x"), Exited(0), Failed("a", "b"), Reached("web.1", "w1", False), Began()]
)
def test_a_user_cannot_play_the_worker(frame: Frame) -> None:
    with pytest.raises(PeerFault):
        decode_from_user(encode_frame(frame))


@pytest.mark.parametrize("frame", [Input(b"x"), InputEnd(), Resize(1, 1), Signal(9)])
def test_a_worker_cannot_play_the_user(frame: Frame) -> None:
    with pytest.raises(PeerFault):
        decode_to_user(encode_frame(frame))


@pytest.mark.parametrize(
    "hostile",
    [
        [],
        [99],
        [2, -1, 1],
        [2, 1, 65536],
        [3, 0],
        [3, 65],
        [4, -5],
        [0, "text"],
        [0, b"x" * (DATA_LONGEST + 1)],
        {"a": 1},
        7,
    ],
)
def test_a_frame_out_of_bounds_is_refused(hostile: object) -> None:
    with pytest.raises(PeerFault):
        decode_from_user(msgspec.msgpack.encode(hostile))


def test_an_oversized_frame_is_refused_unread() -> None:
    with pytest.raises(PeerFault, match="is the most"):
        decode_to_user(b"\xc6" * (FRAME_LONGEST + 1))


@given(st.binary(max_size=200_000))
def test_pieces_fit_into_frames_and_are_the_whole(whole: bytes) -> None:
    cut = pieces(whole)

    assert b"".join(cut) == whole
    assert all(0 < len(piece) <= DATA_LONGEST for piece in cut)


@pytest.mark.parametrize(
    "wish",
    [
        Exec(command=("sh", "-c", "echo ä"), env={"A": "b=c"}, user="1:2", tty=True, rows=24),
        Stat(path="/etc"),
        ReadArchive(path="/etc/."),
        WriteArchive(path="/tmp"),
    ],
)
def test_a_wish_comes_back_as_it_went(wish: Exec | Stat | ReadArchive | WriteArchive) -> None:
    assert decode_wish(encode_wish(wish)) == wish


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "truncated"),
        ("{}", "`do`"),
        ('{"do": "reboot"}', "reboot"),
        ('{"do": "exec", "command": []}', "length >= 1"),
        ('{"do": "exec", "command": ["a"], "privileged": true}', "privileged"),
        ('{"do": "stat", "path": ""}', "length >= 1"),
        ("[" * 100_000, "Expected|recursion"),
        ('"' + "x" * WISH_LONGEST + '"', "longer than"),
    ],
    ids=["cut", "empty", "unknown", "no command", "more", "no path", "deep", "long"],
)
def test_what_is_no_wish_is_refused_with_the_reason(text: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        decode_wish(text)
