"""The lengths of time that cube's promises are made of, each with its reason. Seconds."""

from __future__ import annotations

import msgspec


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Handed to the cores, so that a test or a user can change the pace without touching a decision."""

    heartbeat: float = 1.0  # one small message a second costs nothing at 50 nodes
    heartbeats_per_second: float = (
        500.0  # what a manager hears at most; larger clusters beat slower
    )
    suspect_after: float = 2.0  # one heartbeat may be lost
    lost_after: float = 4.0  # three may be lost, and a worker restarts in less than one
    # Called so much later than it asked for, the manager itself was away. A busy one is late by milliseconds; and
    # nobody it could still hear a heartbeat before is given up within `suspect_after` and this.
    overslept: float = 1.0
    brake_share: float = (
        1 / 3
    )  # more nodes than this lost at once: the manager's own network is the likelier fault
    brake_least: int = 3  # on a small cluster a third is a single machine, and those do die
    brake_window: float = 10.0
    brake_hold: float = 60.0

    recovery_least: float = 10.0  # every worker dials again within a few seconds, known or not
    clone_window: float = 60.0  # sessions that push each other out within it are of two machines
    clone_returns: int = 3  # one late message makes two

    restart_first: float = 0.1  # docker's first delay
    restart_longest: float = 30.0
    restart_stable: float = 60.0  # a run this long was no failure to start
    move_after_failures: int = 5
    avoid_node: float = 60.0  # after a failure that another node may do better
    avoid_failing: float = (
        600.0  # after failing there again and again: longer than one round of the others
    )
    temporary_first: float = 1.0  # engine or registry away: ask again, gently
    temporary_longest: float = 30.0

    drain_share: float = (
        0.1  # of a task's replicas move from draining nodes at once: each pulls and warms up
    )
    drain_most: int = 20  # of all tasks together: a node is not buried under another's replicas

    full_comparison: float = 10.0  # catches what the engine's event stream lost
    stopped_task_kept: float = 24 * 3600.0
    stopped_tasks_kept: int = 1000


DEFAULT_TIMING = Timing()


class Instant(msgspec.Struct, frozen=True, gc=False):
    """Now, as both clocks show it. Decisions take `monotonic` (seconds); `wall_ms` is for people to read."""

    monotonic: float
    wall_ms: int
