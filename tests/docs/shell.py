"""One bash for a whole page: what a command sets, the next one finds; what it starts runs on until the end.

The bash has a view of the machine of its own: /var/lib/cube and /mnt are empty directories of the page, and every
process it starts ends with it (a PID namespace), however it ran away. Other files and the network are the machine's.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

# Reads the name of a step, runs its file in itself with nothing to read, and says its code in a file that is there
# at once or not at all.
_LOOP = """
mount --bind "$1/var-lib-cube" /var/lib/cube && mount --bind "$1/mnt" /mnt && cd "$2" || exit
while IFS= read -r step; do
    . "$step" </dev/null >"$step.out" 2>&1
    echo $? >"$step.new" && mv "$step.new" "$step.code"
done
"""

_LOOK_EVERY = 0.02


class Done(NamedTuple):
    """What a command printed, both streams as on a terminal, and its exit code; None: it goes on."""

    output: str
    code: int | None


class Shell:
    """A bash to be entered; left, nothing that it started runs any more. `home` gets its files."""

    def __init__(self, home: Path, where: Path, environment: Mapping[str, str]) -> None:
        self._steps = home / "steps"
        for name in ("steps", "var-lib-cube", "mnt"):
            (home / name).mkdir()
        Path("/var/lib/cube").mkdir(parents=True, exist_ok=True)  # something to mount over
        own_view = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        self._process = subprocess.Popen(
            [
                *own_view,
                "bash",
                "--norc",
                "--noprofile",
                "-c",
                _LOOP,
                "bash",
                str(home),
                str(where),
            ],
            env=dict(environment),
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self._count = 0

    def __enter__(self) -> Shell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._process.kill()  # and with it all the others
        self._process.communicate(timeout=10)

    def run(self, command: str, seconds: float) -> Done:
        """Run the command to its end. AssertionError with what it printed when that takes longer than `seconds`."""
        return self.watch(command, seconds, lambda done: done.code is not None)

    def watch(self, command: str, seconds: float, enough: Callable[[Done], bool]) -> Done:
        """Run the command, and return as soon as `enough` of it has been seen. It may go on."""
        assert self._process.stdin
        self._count += 1
        step = self._steps / str(self._count)
        step.write_text(command + "\n")
        self._process.stdin.write(f"{step}\n")
        self._process.stdin.flush()
        deadline = time.monotonic() + seconds
        while not enough(done := _seen(step)):
            assert self._process.poll() is None, f"the shell has ended at: {command}"
            assert time.monotonic() < deadline, f"after {seconds:g} s: {command}\n{done.output}"
            # A look at another process: there is nothing to be woken by.
            time.sleep(_LOOK_EVERY)
        return done


def _seen(step: Path) -> Done:
    code = step.with_suffix(".code")
    ended = int(code.read_text()) if code.exists() else None  # first: then the output is whole
    output = step.with_suffix(".out")
    return Done(output.read_text(errors="replace") if output.exists() else "", ended)
