"""Which Unix user holds the other end of a TCP connection on this machine, as the kernel knows it.

The kernel keeps the owner of every socket. Asked for the one socket with the connection's two ends the other way
round, it answers at once, however many there are (sock_diag, which `ss` uses). The list in `/proc/net/tcp` says the
same and is read where that is not built in.

Rules
- Only an end on a loopback address has an owner here. Anything else is another machine's word.
- A socket that its process has closed still shows, with inode 0 and the user number 0: that is nobody, not root.
- It could be closed while the kernel writes its answer; therefore the same must be answered twice.

The user number is the one of this process' user namespace, and only sockets of its network namespace are seen. A
container on the host's network is a process of this machine: root in it is root here, unless it has user numbers of
its own. One on a bridge does not reach a loopback address.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

End = tuple[str, int]
"""An address and a port."""

_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR = 2
_REQUEST = 1  # NLM_F_REQUEST
_NETLINK_SOCK_DIAG = 4
_LISTEN = 10
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = 0xFFFFFFFF
_HEADER = struct.Struct("=LHHLL")
_ASKED = struct.Struct("=BBBBL")  # family, protocol, extensions, padding, states
_ENDS = struct.Struct("!HH16s16s")  # ports and addresses of a socket, its own end first
_WHICH = struct.Struct("=LLL")  # interface, cookie
_TOLD = struct.Struct("=BBBB")  # family, state, timer, retransmissions
_OWNER = struct.Struct("=LLLLL")  # expires, queues, user, inode
_ANSWER_BYTES = 8192
_ANSWER_SECONDS = 1.0  # the kernel answers within the call; never wait for it for ever
_PROC = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


class _Socket(NamedTuple):
    """What the kernel says of one."""

    user: int
    inode: int


def user_of_peer(peer: End, own: End) -> int | None:
    """Return the number of the user whose socket is `peer`, connected to `own`. None when nobody here holds it."""
    if not is_loopback_address(peer[0]):
        return None
    first = _look_up(peer, own)
    if first is None or first != _look_up(peer, own):
        return None
    return first.user


def is_loopback_address(address: str) -> bool:
    """Whether it is an address that only this machine has, also as `::ffff:127.0.0.1`."""
    try:
        return plain_address(address).is_loopback
    except ValueError:
        return False


def plain_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address; one of version 4 written as one of version 6 becomes what it is. ValueError if neither."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return (found.version == 6 and found.ipv4_mapped) or found


def _look_up(peer: End, own: End) -> _Socket | None:
    try:
        return _by_diag(peer, own)
    except OSError:  # this kernel has no sock_diag, or does not let us ask
        return _by_proc(peer, own)


def _by_diag(peer: End, own: End) -> _Socket | None:
    """Ask for exactly one socket. OSError when the kernel cannot be asked."""
    address, other = plain_address(peer[0]), plain_address(own[0])
    ends = _ENDS.pack(
        peer[1], own[1], address.packed.ljust(16, b"\0"), other.packed.ljust(16, b"\0")
    )
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    asked = (
        _ASKED.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE)
        + ends
        + _WHICH.pack(0, _NO_COOKIE, _NO_COOKIE)
    )
    head = _HEADER.pack(_HEADER.size + len(asked), _SOCK_DIAG_BY_FAMILY, _REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(_ANSWER_SECONDS)
        kernel.send(head + asked)
        answer = kernel.recv(_ANSWER_BYTES)
    return _told(answer, peer[1], own[1])


def _told(answer: bytes, port: int, other_port: int) -> _Socket | None:
    """Read the kernel's answer: the socket, if it is the one that was asked for and somebody holds it."""
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind == _NLMSG_ERROR:
        (code,) = struct.unpack_from("=i", answer, _HEADER.size)
        if -code == _NOT_THERE:
            return None
        raise OSError(-code, "the kernel does not tell of sockets")
    _, state, _, _ = _TOLD.unpack_from(answer, _HEADER.size)
    at = _HEADER.size + _TOLD.size
    own_port, peer_port, _, _ = _ENDS.unpack_from(answer, at)
    _, _, _, user, inode = _OWNER.unpack_from(answer, at + _ENDS.size + _WHICH.size)
    # A listener at the same port stands in where the connection itself is gone.
    if state == _LISTEN or (own_port, peer_port) != (port, other_port) or inode == 0:
        return None
    return _Socket(user, inode)


_NOT_THERE = 2  # ENOENT


def _by_proc(peer: End, own: End) -> _Socket | None:
    for path in _PROC:
        try:
            rows = path.read_text().splitlines()[1:]
        except OSError:  # no version 6 here
            continue
        if (found := find_row(rows, peer, own)) is not None:
            return found
    return None


def find_row(rows: Iterable[str], peer: End, own: End) -> _Socket | None:
    """Return the socket of the row of `/proc/net/tcp` with these ends, if somebody holds it."""
    ends = {(_hex(peer, wide), _hex(own, wide)) for wide in (False, True)}
    for row in rows:
        fields = row.split()
        if (fields[1], fields[2]) in ends and int(fields[3], 16) != _LISTEN:
            user, inode = int(fields[7]), int(fields[9])
            return _Socket(user, inode) if inode else None
    return None


def _hex(end: End, wide: bool) -> str:
    """Write an end as the kernel does: words of the address in the machine's order, then the port."""
    address = plain_address(end[0])
    packed = address.packed
    if wide and address.version == 4:
        packed = b"\0" * 10 + b"\xff\xff" + packed
    words = struct.unpack(f"={len(packed) // 4}L", packed)
    return "".join(f"{word:08X}" for word in words) + f":{end[1]:04X}"
