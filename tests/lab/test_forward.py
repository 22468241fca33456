"""The lab's forwarder: bytes pass both ways, and the end of one side is the end of the other."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from threading import Thread

import pytest

from tests.lab.surroundings import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def behind() -> Iterator[socket.socket]:
    """A listening socket for the far side."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield listener


@pytest.fixture
def door(behind: socket.socket) -> Iterator[tuple[str, int]]:
    """The near side of a forwarder to `behind`, in a process of its own."""
    host, port = behind.getsockname()
    with socket.create_server(("127.0.0.1", 0)) as near:
        command = [
            sys.executable,
            "-m",
            "tests.lab.forward",
            f"fd:{near.fileno()}",
            f"{host}:{port}",
        ]
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[near.fileno()])
        yield near.getsockname()
    process.kill()
    process.wait(10)


def whole(line: socket.socket) -> bytes:
    """Everything until the other side closes."""
    return b"".join(iter(lambda: line.recv(1 << 16), b""))


def test_bytes_pass_both_ways_however_many(door: tuple[str, int], behind: socket.socket) -> None:
    sent = bytes(range(256)) * 40_000  # 10 MB: more than any buffer in between
    with socket.create_connection(door, 10) as near:
        far, _ = behind.accept()
        with far:
            for one, other in ((near, far), (far, near)):
                saying = Thread(target=one.sendall, args=(sent,))
                saying.start()
                heard = bytearray()
                while len(heard) < len(sent):
                    heard += other.recv(1 << 16)
                saying.join()
                assert heard == sent


def test_the_end_of_one_side_is_the_end_of_the_other(
    door: tuple[str, int], behind: socket.socket
) -> None:
    with socket.create_connection(door, 10) as near:
        far, _ = behind.accept()
        with far:
            far.sendall(b"bye")
        assert whole(near) == b"bye"
    near = socket.create_connection(door, 10)
    far, _ = behind.accept()
    with far:
        near.sendall(b"bye")
        near.close()
        assert whole(far) == b"bye"


def test_nobody_behind_it_is_a_closed_connection(
    door: tuple[str, int], behind: socket.socket
) -> None:
    behind.close()
    with socket.create_connection(door, 10) as near:
        assert whole(near) == b""
