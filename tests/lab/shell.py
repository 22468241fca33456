"""The tools of the machine that the lab is built with: ip, iptables, nsenter, docker."""

from __future__ import annotations

import subprocess

COMMAND_SECONDS = 60.0


class CommandFailed(Exception):
    """A tool did not do as it was told; the message holds its command and its complaint."""


def run(*command: str) -> str:
    """Run a command and return what it prints. CommandFailed when it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout
