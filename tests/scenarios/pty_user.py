"""Somebody at a terminal: types, reads the screen, changes the size of the window."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self


class AtTerminal:
    """A command on a terminal of its own. Enter it; leaving kills what still runs."""

    def __init__(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self._command = command
        self._environment = environment
        self.screen = b""

    def __enter__(self) -> Self:
        self.keyboard, self._terminal = os.openpty()
        self.resize(24, 80)
        self.process = subprocess.Popen(
            self._command,
            stdin=self._terminal,
            stdout=self._terminal,
            stderr=self._terminal,
            env=self._environment,
            start_new_session=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self.keyboard)
        os.close(self._terminal)

    def resize(self, rows: int, columns: int) -> None:
        """Give the window another size. The kernel tells only a controlling terminal's processes: SIGWINCH by hand."""
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """Type."""
        os.write(self.keyboard, keys)

    def sees(self, text: bytes, seconds: float = 20.0) -> bytes:
        """Wait until this is on the screen; return what came before it, and forget that."""
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self.keyboard], [], [], max(left, 0))
            assert readable, f"{text!r} did not appear; the screen has {self.screen[-500:]!r}"
            self.screen += os.read(self.keyboard, 65536)
        before, _, self.screen = self.screen.partition(text)
        return before

    def attributes(self) -> list[object]:
        """How the terminal is set."""
        return list(termios.tcgetattr(self._terminal))

    def ended(self, seconds: float = 20.0) -> int:
        """Wait for the end of the command and return its exit code; the screen is read meanwhile."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end; {self.screen[-500:]!r}"
            if select.select([self.keyboard], [], [], 0.05)[0]:
                self.screen += os.read(self.keyboard, 65536)
        return self.process.returncode
