"""What zsh and fish offer at Tab, asked of the shells themselves; bash is in `test_complete_completion_entry.py`."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cube

SECONDS = 30.0
CASES = [
    ("cube sta", "cube status"),
    ("cube node un", "cube node uncordon"),
    ("cube status --wa", "cube status --watch"),
    ("cube status -o js", "cube status -o json"),
    ("cube logs -f we", "cube logs -f we-a-task"),
    ("cube node drain w", "cube node drain w-a-node"),
    ("cube status --node w", "cube status --node w-a-node"),
    ("cube context use p", "cube context use p-a-context"),
]


@pytest.fixture
def home(cube: Cube, tmp_path: Path) -> Path:
    """A place with the scripts in it, and a `cube` that answers for a manager."""
    tool = tmp_path / "bin" / "cube"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\ncase $3 in -*) ;; *) echo "$3-a-$2" ;; esac\n')
    tool.chmod(0o755)
    for shell in ("zsh", "fish"):
        (tmp_path / f"cube.{shell}").write_text(cube("completion", shell).out)
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    path = f"{home / 'bin'}:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(home), "TERM": "dumb", "LANG": "C.UTF-8"}


@pytest.mark.skipif(not shutil.which("fish"), reason="there is no fish; scripts/test installs it")
@pytest.mark.parametrize(("typed", "wanted"), CASES)
def test_fish_offers_it(home: Path, typed: str, wanted: str) -> None:
    ask = f"source {home}/cube.fish; complete -C '{typed}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", ask],
        capture_output=True, text=True, timeout=SECONDS, check=True, env=environment(home),
    )  # fmt: skip

    offered = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert [f"{typed.rpartition(' ')[0]} {one}" for one in offered] == [wanted]
    assert done.stderr == ""


class Zsh:
    """A zsh at a terminal, which shows its line at ctrl-x."""

    def __init__(self, home: Path) -> None:
        self._keys, inner = pty.openpty()
        self._process = subprocess.Popen(
            ["zsh", "-f", "-i"], stdin=inner, stdout=inner, stderr=inner, cwd=home,
            env=environment(home), start_new_session=True,
        )  # fmt: skip
        os.close(inner)
        setup = (
            "PS1=; unsetopt zle_bracketed_paste prompt_sp; autoload -Uz compinit && compinit -D -u",
            f"source {home}/cube.zsh",
            'show() { print -r -- "<$BUFFER>"; BUFFER=; zle -I }; zle -N show; bindkey "^X" show',
            'print "rea""dy"',
        )
        os.write(self._keys, "".join(f"{line}\r" for line in setup).encode())
        self._until("ready\r\n", "")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        os.close(self._keys)

    def complete(self, typed: str) -> str:
        """Type this and Tab, and return the line."""
        os.write(self._keys, f"{typed}\t\x18".encode())
        return self._until(">", "<").strip()

    def _until(self, end: str, begin: str) -> str:
        seen, deadline = "", time.monotonic() + SECONDS
        while end not in seen.partition(begin)[2] if begin else end not in seen:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._keys], [], [], left)[0]:
                raise AssertionError(f"{end!r} did not come, but {seen!r}")
            seen += os.read(self._keys, 4096).decode()
        return seen.partition(begin)[2].partition(end)[0] if begin else seen


@pytest.fixture
def zsh(home: Path) -> Iterator[Zsh]:
    shell = Zsh(home)
    yield shell
    shell.close()


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh; scripts/test installs it")
def test_zsh_completes_it(zsh: Zsh) -> None:
    assert [zsh.complete(typed) for typed, _ in CASES] == [wanted for _, wanted in CASES]
