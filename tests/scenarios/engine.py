"""A Docker engine of a test's own, that can be killed and started again without harm to the machine's.

It lives in network, mount and process namespaces of its own: whatever it leaves behind goes when they do.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.scenarios.processes import docker, eventually

# The first process of the engine's machine. Those whose parents die become its children; it lets them go.
INIT = (
    "import signal\n"
    "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    "while True: signal.pause()\n"
)  # fmt: skip


class PrivateEngine:
    """An engine with the image busybox:latest. `close` leaves nothing of it on the machine.

    `disk_bytes` is the size of the disk it has for images and containers; 0: the machine's.
    """

    def __init__(self, *flags: str, disk_bytes: int = 0) -> None:
        self._flags = flags
        # Short: the path of a unix socket may have 108 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="cube-engine-"))
        self._name = self._folder.name.replace("_", "-")
        self.address = f"unix://{self._folder}/docker.sock"
        self._dockerd: subprocess.Popen[bytes] | None = None
        subprocess.run(["ip", "netns", "add", self._name], check=True)
        subprocess.run(["ip", "-n", self._name, "link", "set", "lo", "up"], check=True)
        self._machine = subprocess.Popen(
            [
                # Not `ip netns exec`: it hides the cgroups, without which no engine starts.
                "nsenter", f"--net=/run/netns/{self._name}",
                "unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                "--kill-child=KILL", "--mount-proc", sys.executable, "-c", INIT,
            ]
        )  # fmt: skip
        if disk_bytes:
            self._give_disk(disk_bytes)

    def _give_disk(self, size: int) -> None:
        """Let its data be on a disk of its own, which goes with its machine."""
        (self._folder / "data").mkdir()
        subprocess.run(
            [
                "nsenter", "--target", str(_child(self._machine.pid)), "--mount",
                "mount", "-t", "tmpfs", "-o", f"size={size}", "disk", f"{self._folder}/data",
            ],
            check=True,
        )  # fmt: skip

    def fill_disk(self) -> None:
        """Leave not a byte on its disk. Not for an engine on the machine's own."""
        filler = self._disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError as error:
                assert error.errno == errno.ENOSPC

    def free_disk(self) -> None:
        """Make room again."""
        (self._disk / "filler").unlink()

    @property
    def _disk(self) -> Path:
        """Its data, as it sees them: the disk is mounted for it alone."""
        return Path(f"/proc/{_child(self._machine.pid)}/root{self._folder}/data")

    def start(self) -> None:
        """Start the engine and wait until it answers; the image is put there at the first time."""
        # Numbers that a killed engine left: the next one would take another process for it.
        for stale in ("docker.pid", "exec/containerd/containerd.pid"):
            (self._folder / stale).unlink(missing_ok=True)
        with (self._folder / "log").open("ab") as log:
            self._dockerd = subprocess.Popen(
                [
                    "nsenter", "--target", str(_child(self._machine.pid)),
                    "--mount", "--pid", "--net",
                    "dockerd", "--host", self.address,
                    "--data-root", f"{self._folder}/data", "--exec-root", f"{self._folder}/exec",
                    "--pidfile", f"{self._folder}/docker.pid", "--cgroup-parent", f"/{self._name}",
                    *self._flags,
                ],
                stdout=log,
                stderr=log,
            )  # fmt: skip
        try:
            eventually(lambda: self.docker("version", "-f", "{{.Server.Version}}"), bool, 30)
        except AssertionError:
            last = (self._folder / "log").read_text().splitlines()[-10:]
            raise AssertionError("the engine does not start:\n" + "\n".join(last)) from None
        if not self.docker("images", "-q", "busybox:latest"):
            image = self._folder / "busybox.tar"
            docker("save", "-o", str(image), "busybox:latest")
            self.docker("load", "-i", str(image))

    def end(self, number: signal.Signals) -> None:
        """Send the engine a signal and wait until it has ended. Of a killed one the containers run on."""
        assert self._dockerd is not None
        os.kill(_child(self._dockerd.pid), number)
        self._dockerd.wait(30)
        self._dockerd = None

    def kill(self, pid: int) -> None:
        """End a process of a container as nobody's doing; `pid` is the engine's number for it."""
        inside = ["nsenter", "--target", str(_child(self._machine.pid)), "--mount", "--pid"]
        subprocess.run([*inside, "kill", "-9", str(pid)], check=True)

    def docker(self, *arguments: str) -> str:
        """Ask this engine."""
        return docker(*arguments, engine=self.address)

    def close(self) -> None:
        """End the engine, its containers and its machine, and remove what they wrote. Repeats safely."""
        if self._machine.poll() is None:
            self._machine.kill()  # its first process goes with it, and all others with that one
            self._machine.wait(10)
        if self._dockerd is not None:
            self._dockerd.wait(10)
            self._dockerd = None
        subprocess.run(["ip", "netns", "delete", self._name], capture_output=True, check=False)
        eventually(self._remove_cgroups, bool, 10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _remove_cgroups(self) -> bool:
        """Remove the groups of its containers; whether none is left. Those of the dying cannot be removed yet."""
        roots = [
            Path("/sys/fs/cgroup") / self._name,
            *Path("/sys/fs/cgroup").glob(f"*/{self._name}"),
        ]
        for root in roots:
            for folder, _, _ in os.walk(root, topdown=False):
                try:
                    Path(folder).rmdir()
                except OSError:
                    return False
        return True


def _child(pid: int) -> int:
    """The one child of a process; waits for it."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return int(
        eventually(lambda: children.read_text().split(), lambda found: len(found) == 1, 10)[0]
    )
