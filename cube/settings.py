"""What a manager and a worker can be told at their start; every default with its reason.

Precedence: flag > `CUBE_*` > default. The command reads flags and environment; nothing else does.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from cube.model.policy import CLOSED, HostPolicy
from cube.model.timing import DEFAULT_TIMING, Timing

DEFAULT_DATA = Path("/var/lib/cube")  # where a service keeps its state on Linux (FHS 5.8)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller, or a stranger, can take from the manager at most. The bodies' sizes are the manager's own."""

    head_seconds: float = (
        5.0  # from the connection, or a request's first byte, to the end of its head
    )
    handshake_seconds: float = 5.0  # of TLS; asyncio's own is a minute
    body_seconds: float = 10.0
    strangers: int = (
        1_000  # connections that nobody has proven to own: they must not crowd out workers
    )
    strangers_per_address: int = (
        64  # a browser opens six, a load generator without a token has no business
    )
    failed_logins: int = (
        10  # wrong tokens at once, and again so many a minute; a right one is always let in
    )
    joins_per_minute: int = 5  # of one address; a person who tries again needs no more
    requests_per_second: float = 100.0  # of one token; a dashboard asks once a second
    requests_at_once: float = 200.0  # a script's burst: 200 tasks applied one after the other
    streams_per_caller: int = 32  # open requests of one token: as many tabs as anybody reads
    audit_kept: int = 1_000_000  # entries: about 300 MB; a year at 2,700 changes a day
    denials_at_once: int = (
        10  # kinds of denials on record every ten seconds; strangers must not fill the disk
    )


class ManagerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one manager runs."""

    host: str = "127.0.0.1"  # closed by default: only this machine reaches it
    port: int = 5555
    advertise: tuple[str, ...] = ()  # names and addresses by which others reach it, beside `host`
    data: Path = DEFAULT_DATA / "manager"
    strategy: str = "fit"  # needs the fewest machines: docs/decisions/0009-default-strategy.md
    timing: Timing = DEFAULT_TIMING

    certificate_life: float = (
        30 * 24 * 3600.0  # renewed from a third of it: a machine may be off for 20 days
    )

    body_limit: int = 64 * 1024  # a task file is a few kB
    bulk_body_limit: int = 8 * 1024 * 1024  # 10,000 tasks in one request
    limits: Limits = Limits()
    connections: int = 10_000  # 5,000 workers, their streams, and people
    streams: int = 200  # logs being followed at once
    followers: int = 2000  # of events, and as many of everything: tabs that somebody left open
    tunnels: int = 200  # commands and copies under way at once
    feed_queue: int = 1000  # events a follower may lag behind before it is dropped
    requests_kept: float = 24 * 3600.0  # how long an idempotency key is remembered
    events_kept: int = 1_000_000  # about 300 MB of history
    backup_every: float = (
        3600.0  # what a lost disk costs at most, beyond what the containers' labels tell
    )
    backups_kept: int = 24


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one worker runs."""

    manager_host: str = "127.0.0.1"
    manager_port: int = 5555
    tls: bool = False  # with the certificate in `data`
    host: str = "127.0.0.1"  # its own API, for people and probes on this machine
    port: int = 5556  # 0: any free one
    own_api: bool = True  # not of thousands of simulated workers in one process
    data: Path = DEFAULT_DATA / "worker"
    name: str = ""  # empty: the host's name
    labels: dict[str, str] = {}
    extras: dict[str, int] = {}  # what the machine has beside cpu, memory and disk: {"gpu": 8}
    runtime: str = "docker"
    docker: str = ""  # the engine's address; empty: DOCKER_HOST, else /var/run/docker.sock
    cpu_millis: int = 0  # what cube may hand out here; 0: all the machine has
    memory_bytes: int = 0
    policy: HostPolicy = CLOSED  # what the machine lets tasks have beyond the ordinary
    timing: Timing = DEFAULT_TIMING

    parallel_starts: int = 4  # an engine is bound by cpu: more in flight only wait longer
    streams: int = 64
    tunnels: int = 64  # each may hold a window of data both ways: 64 MiB in all
    report_every: float = 0.005  # gathers the observations of a burst into one message
