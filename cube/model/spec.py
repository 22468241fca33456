"""What a user asks for. A spec is never rewritten: a change of mind is a new revision of the task.

Defaults are resolved here and nowhere else, so a stored spec, a shown spec and a run spec are the same.
Ranges and rules between fields are checked by `core.admission`, which names every objection at once.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cube.model.resources import Resources

DEFAULT_PRIORITY = 50


class Protocol(StrEnum):
    """The transport of a published port."""

    TCP = "tcp"
    UDP = "udp"


class RestartPolicy(StrEnum):
    """When a container that ended is started again on the same worker."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class PullPolicy(StrEnum):
    """When the image is fetched from its registry."""

    ALWAYS = "always"
    MISSING = "missing"
    NEVER = "never"


class OnDisconnect(StrEnum):
    """What becomes of a container whose worker has lost the manager for longer than its lease."""

    KEEP = "keep"
    STOP = "stop"


class ProbeKind(StrEnum):
    """How health is asked for."""

    HTTP = "http"
    TCP = "tcp"
    COMMAND = "command"


class Network(StrEnum):
    """Whose network a container has: one of its own behind the engine's bridge, or the machine's."""

    BRIDGE = "bridge"
    HOST = "host"


class Port(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A container port published on its node. `host_port` 0 lets the engine choose a free one."""

    container_port: int
    host_port: int = 0
    protocol: Protocol = Protocol.TCP
    host_ip: str = ""


class Volume(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A named volume of the engine, mounted at `path`; made when missing, never removed by cube.

    It is on one machine, so a slot that has run with it comes back there; `shared` says that it is not: that every node
    finds the same data under the name, or that it may start empty.
    """

    name: str
    path: str
    read_only: bool = False
    shared: bool = False


class Tmpfs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file system in memory at `path`; `size_bytes` 0 leaves the kernel's limit."""

    path: str
    size_bytes: int = 0


class Mount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A folder of the node, mounted at `path`, by the name that the node's own policy gives it."""

    name: str
    path: str
    read_only: bool = False


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A device file of the node, in the container at `target` (empty: the same place)."""

    path: str
    target: str = ""
    permissions: str = "rwm"  # read, write, mknod


class Secret(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A secret by its name: a file `/run/secrets/TARGET` (empty: its name) in memory, or the variable `as_env`."""

    name: str
    target: str = ""
    mode: int = 0o400
    as_env: str = ""

    @property
    def file(self) -> str:
        """What its file is called; empty where it is a variable."""
        return "" if self.as_env else self.target or self.name


class Ulimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A resource limit of the processes in the container, as in setrlimit(2)."""

    name: str
    soft: int
    hard: int


class HealthCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How to ask whether the container works.

    HTTP passes on 2xx and 3xx, TCP on a connection, COMMAND on exit code 0. `port` 0 means the first
    published container port. Failures within `grace_ms` of the start are not counted.
    """

    kind: ProbeKind
    path: str = "/"
    port: int = 0
    command: tuple[str, ...] = ()
    interval_ms: int = 5_000
    timeout_ms: int = 2_000
    failures: int = 3
    successes: int = 1
    grace_ms: int = 0


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A label over whose values replicas are spread evenly, as far as they can be. `weight`: beside other spreads."""

    label: str
    weight: int = 50


class Preference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a node had better be: one that meets the constraint `when`, or one that runs a replica of task `near`.

    A negative weight: had better not be.
    """

    when: str = ""
    near: str = ""
    weight: int = 50


class TaskSpec(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """One named wish: what to run, how many of it, where it may go and how it is kept running."""

    name: str
    image: str
    replicas: int = 1

    command: tuple[str, ...] = ()  # replaces the image's CMD
    entrypoint: tuple[str, ...] = ()  # replaces the image's ENTRYPOINT
    env: dict[str, str] = {}
    workdir: str = ""
    user: str = ""
    labels: dict[str, str] = {}

    cpu_millis: int = 0  # reserved when placed and limited when run; 0: neither
    memory_bytes: int = 0
    disk_bytes: int = 0  # reserved only: the engine's storage driver knows no limit
    extras_millis: dict[str, int] = {}  # thousandths of devices by kind: {"gpu": 500}
    pids_limit: int = 4096  # a fork bomb must not take the host down
    ulimits: tuple[Ulimit, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    read_only: bool = False
    privileged: bool = False  # root on its node: only where the node's policy says so
    devices: tuple[Device, ...] = ()  # likewise
    mounts: tuple[Mount, ...] = ()  # likewise
    network: Network = Network.BRIDGE  # HOST: likewise

    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    secrets: tuple[Secret, ...] = ()

    pull: PullPolicy = PullPolicy.MISSING
    restart: RestartPolicy = RestartPolicy.ON_FAILURE
    max_restarts: int | None = None  # None: no end
    stop_signal: str = ""  # empty: the image's own, else SIGTERM
    stop_grace_ms: int = 10_000  # docker's default
    health: HealthCheck | None = None
    on_disconnect: OnDisconnect = OnDisconnect.KEEP

    platform: str = ""  # "linux/arm64"; empty: any
    constraints: tuple[str, ...] = ()  # "zone==eu-1", "disk!=hdd"
    spread: tuple[Spread, ...] = ()
    prefer: tuple[Preference, ...] = ()
    max_per_node: int = 0  # 0: no limit
    strategy: str = ""  # empty: the cluster's
    priority: int = DEFAULT_PRIORITY  # 1 to 100: who is offered room first
    preempt: bool = False  # what finds no room may displace what has a lower priority

    @property
    def demand(self) -> Resources:
        """What one replica reserves on its node."""
        return Resources(self.cpu_millis, self.memory_bytes, self.disk_bytes)

    @property
    def pinning(self) -> tuple[str, ...]:
        """The volumes that tie a slot to the node where it has run."""
        return tuple(volume.name for volume in self.volumes if not volume.shared)

    @property
    def host_ports(self) -> tuple[tuple[int, Protocol], ...]:
        """The fixed host ports one replica takes on its node: all of them on the machine's own network."""
        if self.network is Network.HOST:
            return tuple((port.container_port, port.protocol) for port in self.ports)
        return tuple((port.host_port, port.protocol) for port in self.ports if port.host_port)

    @property
    def template(self) -> TaskSpec:
        """The part whose change needs new containers: everything but where and how many."""
        return msgspec.structs.replace(
            self,
            replicas=1,
            volumes=tuple(msgspec.structs.replace(one, shared=False) for one in self.volumes),
            platform="",
            constraints=(),
            spread=(),
            prefer=(),
            max_per_node=0,
            strategy="",
            priority=DEFAULT_PRIORITY,
            preempt=False,
        )
