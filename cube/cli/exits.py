"""The exit codes of `cube`, which scripts rely on."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the code says. Errors of `cube.errors` carry the same numbers in `exit_code`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_PLACED = 4  # accepted, and waiting for a node that fits
    UNHEALTHY = 5  # runs, but its health check says it does not work
    CONFLICT = 6
    MANAGER_AWAY = 7
    NOT_ALLOWED = 8
    TIMED_OUT = 124  # as timeout(1)
    NOT_STARTED = 125  # 125 to 127 as docker: `run --attach` could not start it
    NOT_EXECUTABLE = 126  # the command is there and cannot be executed
    COMMAND_NOT_FOUND = 127
    INTERRUPTED = 130  # as a shell reports SIGINT
