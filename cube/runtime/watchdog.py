"""The watchdog: a process of its own that kills containers once a deadline has passed and nobody moved it.

`python -I -S watchdog.py FD FOLDER PLACE ENGINE`: a listening socket, the folder that it is in, what `place_of` says of
that, the engine's address.
It is what is left to act when the worker is frozen or dead, so it shares nothing with it: it imports nothing of cube
and little else, which costs a few megabytes.

A worker connects and sends its whole fence in each message: the deadline, in seconds of CLOCK_BOOTTIME, and the ids of
the containers, parted by blanks. It is greeted with the fence as it stands. So the next process of a worker takes over
where the last one was killed: this process goes on, and there is no moment without a deadline.

- It kills only what the newest message names, and only once it has read all that was sent.
- What it is about to kill it first writes down in FOLDER, so that nobody takes the end for the container's own.
- It ends when no worker is connected and nothing is left to kill, or when another has its place in FOLDER.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import threading
import time

MESSAGE_BYTES = 1 << 20
LONGEST_WAIT = 0.5  # poll does not count the time for which the machine sleeps; the deadline does
AT_ONCE = 16  # an engine is no quicker with more
ANSWER_SECONDS = 15.0  # an engine waits 10 s for a process that does not die
RETRY_SECONDS = 0.5
KILLED, NO_SUCH, NOT_RUNNING = 204, 404, 409


class Watchdog:
    """The fence, the worker's line, and the kills under way."""

    def __init__(self, listener: socket.socket, folder: str, place: str, engine: str) -> None:
        self._listener = listener
        self._folder = folder
        self._place = place
        self._engine = engine
        self._worker: socket.socket | None = None
        self._containers: list[str] = []
        self._kill_at = 0.0
        self._killing: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._lock = threading.Lock()  # over the three that a kill changes when it is answered
        self._wake, self._waker = socket.socketpair()
        listener.setblocking(False)
        self._wake.setblocking(False)

    def run(self) -> None:
        """Guard until there is nothing to guard."""
        while True:
            self._hear()
            if place_of(self._folder) not in (self._place, ""):
                return  # it did not answer a worker, which has another watchdog since
            if not (self._containers or self._worker):
                return
            left = self._kill_at - _now()
            if left <= 0 and self._containers:
                self._strike()
            self._wait(min(left, LONGEST_WAIT) if left > 0 else LONGEST_WAIT)

    # The worker

    def _hear(self) -> None:
        """Take in all that was sent, and a new process of the worker."""
        self._read()
        while (line := _accepted(self._listener)) is not None:
            if self._worker is not None:
                self._worker.close()
            self._worker = line
            with contextlib.suppress(OSError):
                line.send(" ".join([repr(self._kill_at), *self._containers]).encode())
            self._read()

    def _read(self) -> None:
        while self._worker is not None:
            try:
                message = self._worker.recv(MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                message = b""
            if not message:
                self._worker.close()
                self._worker = None
                return
            kill_at, *containers = message.decode().split()
            with self._lock:
                self._containers, self._kill_at = containers, float(kill_at)
                self._not_before.clear()

    def _wait(self, seconds: float) -> None:
        poll = select.poll()
        for one in (self._listener, self._wake, self._worker):
            if one is not None:
                poll.register(one, select.POLLIN)
        poll.poll(seconds * 1000)
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)

    # The engine

    def _strike(self) -> None:
        now = _now()
        with self._lock:
            due = [
                one
                for one in self._containers
                if one not in self._killing and self._not_before.get(one, 0.0) <= now
            ]
            due = due[: AT_ONCE - len(self._killing)]
            self._killing.update(due)
        for one in due:
            threading.Thread(target=self._kill, args=(one,), daemon=True).start()

    def _kill(self, container: str) -> None:
        new = _write_down(self._folder, container)
        try:
            status = ask_to_kill(self._engine, container)
            reason = "" if status in (KILLED, NO_SUCH, NOT_RUNNING) else f"status {status}"
        except (OSError, ValueError, IndexError) as error:
            status, reason = 0, str(error) or type(error).__name__
        if new and status in (NO_SUCH, NOT_RUNNING):
            _strike_out(self._folder, container)  # it had ended by itself
        if reason:
            _say("error", f"container {container[:12]} cannot be killed yet: {reason}")
        elif status == KILLED:
            _say("warning", f"container {container[:12]} killed: its worker has no lease")
        with self._lock:
            self._killing.discard(container)
            if reason:
                self._not_before[container] = _now() + RETRY_SECONDS
            elif _now() >= self._kill_at:  # else it was named anew meanwhile
                self._containers = [one for one in self._containers if one != container]
        self._waker.send(b".")


def place_of(folder: str) -> str:
    """Return what tells the socket in there from any other that was or will be; empty where there is none."""
    try:
        seen = os.stat(os.path.join(folder, "socket"))
    except OSError:
        return ""
    return f"{seen.st_ino}.{seen.st_ctime_ns}"


def ask_to_kill(engine: str, container: str) -> int:
    """Have the engine send SIGKILL; return the status it answers with. OSError when it does not."""
    with _dialled(engine) as line:
        line.sendall(f"POST /containers/{container}/kill?signal=KILL HTTP/1.0\r\n\r\n".encode())
        return int(line.recv(64).split()[1])


def _dialled(engine: str) -> socket.socket:
    scheme, _, where = engine.partition("://")
    if scheme == "unix":
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(ANSWER_SECONDS)
        line.connect(where)
        return line
    host, _, port = where.rstrip("/").rpartition(":")
    line = socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS)
    if scheme != "https" and not os.environ.get("DOCKER_TLS_VERIFY"):
        return line
    import ssl  # several megabytes, which only an engine far away needs

    certificates = os.environ.get("DOCKER_CERT_PATH") or os.path.expanduser("~/.docker")
    context = ssl.create_default_context()
    if os.environ.get("DOCKER_TLS_VERIFY"):
        context = ssl.create_default_context(cafile=os.path.join(certificates, "ca.pem"))
        context.load_cert_chain(
            os.path.join(certificates, "cert.pem"), os.path.join(certificates, "key.pem")
        )
    return context.wrap_socket(line, server_hostname=host.strip("[]"))


def _accepted(listener: socket.socket) -> socket.socket | None:
    try:
        line, _ = listener.accept()
    except OSError:
        return None
    line.setblocking(False)
    return line


def _write_down(folder: str, container: str) -> bool:
    """Return whether it is new there. A full disk saves no container."""
    with contextlib.suppress(OSError), open(os.path.join(folder, container), "x"):
        return True
    return False


def _strike_out(folder: str, container: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(folder, container))


def _say(level: str, message: str) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    plain = message.replace("\\", "/").replace('"', "'")
    line = f'{{"ts":"{at}","level":"{level}","logger":"cube.runtime.watchdog","message":"{plain}"}}'
    with contextlib.suppress(OSError):  # the worker's terminal may be gone
        print(line, file=sys.stderr, flush=True)


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


if __name__ == "__main__":
    Watchdog(socket.socket(fileno=int(sys.argv[1])), *sys.argv[2:5]).run()
