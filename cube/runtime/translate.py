"""Between cube's words and the engine's JSON. Pure, and the only place that knows the engine's field names.

The create request is built field by field from the typed spec. Nothing of what a user wrote is passed through.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from cube.model.allocation import Exit, PortBinding
from cube.model.extras import env_of
from cube.model.ids import split_allocation_id
from cube.model.resources import Resources
from cube.model.spec import Port, Protocol, TaskSpec
from cube.runtime.contract import ContainerSeen, ContainerState, EngineFacts, RunLabel
from cube.runtime.labels import decode_label, encode_label, hostname

LOG_CONFIG = {
    "Type": "json-file",
    "Config": {"max-size": "10m", "max-file": "3"},  # the engine's default has no end
}
NANOS_PER_MILLI_CPU = 1_000_000
ANY_ADDRESS = "0.0.0.0"

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}

STATES = {
    "created": ContainerState.CREATED,
    "running": ContainerState.RUNNING,
    "restarting": ContainerState.RUNNING,
    "paused": ContainerState.PAUSED,
}  # everything else ("exited", "dead", "removing") has ended


def create_body(label: RunLabel) -> dict[str, Any]:
    """Return the body of the engine's create request for this run."""
    spec = label.spec
    body: dict[str, Any] = {
        "Image": spec.image,
        "Hostname": hostname(label),
        "Env": [f"{name}={value}" for name, value in _environment(label).items()],
        "Labels": encode_label(label),
        "HostConfig": _host_config(spec),
    }
    optional: dict[str, Any] = {
        "Cmd": list(spec.command),
        "Entrypoint": list(spec.entrypoint),
        "WorkingDir": spec.workdir,
        "User": spec.user,
        "StopSignal": spec.stop_signal,
        "ExposedPorts": {_port_key(port): {} for port in spec.ports},
    }
    # An empty value would replace the image's own.
    return body | {name: value for name, value in optional.items() if value}


def _environment(label: RunLabel) -> dict[str, str]:
    _, slot, generation = split_allocation_id(label.allocation_id)
    return {
        "CUBE_TASK": label.spec.name,
        "CUBE_SLOT": str(slot),
        "CUBE_NODE": label.node_id,
        "CUBE_FENCE": str(generation),
        **env_of(label.devices),
        **label.spec.env,
    }


def _host_config(spec: TaskSpec) -> dict[str, Any]:
    config: dict[str, Any] = {
        "RestartPolicy": {"Name": "no"},  # the worker restarts, and counts
        "NetworkMode": "bridge",
        "LogConfig": LOG_CONFIG,
        "ReadonlyRootfs": spec.read_only,
    }
    optional: dict[str, Any] = {
        "NanoCpus": spec.cpu_millis * NANOS_PER_MILLI_CPU,
        "Memory": spec.memory_bytes,
        "MemorySwap": spec.memory_bytes,  # both together: no swap, so that the limit is the limit
        "PidsLimit": spec.pids_limit,
        "Ulimits": [
            {"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard} for limit in spec.ulimits
        ],
        "CapAdd": list(spec.cap_add),
        "CapDrop": list(spec.cap_drop),
        "Tmpfs": {
            tmpfs.path: f"size={tmpfs.size_bytes}" if tmpfs.size_bytes else ""
            for tmpfs in spec.tmpfs
        },
        "Mounts": [
            {
                "Type": "volume",
                "Source": volume.name,
                "Target": volume.path,
                "ReadOnly": volume.read_only,
            }
            for volume in spec.volumes
        ],
        "PortBindings": _port_bindings(spec.ports),
    }
    return config | {name: value for name, value in optional.items() if value}


def _port_bindings(ports: Iterable[Port]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        # An empty host port lets the engine choose a free one.
        host_port = str(port.host_port) if port.host_port else ""
        binding = {"HostIp": port.host_ip or ANY_ADDRESS, "HostPort": host_port}
        bindings.setdefault(_port_key(port), []).append(binding)
    return bindings


def _port_key(port: Port) -> str:
    return f"{port.container_port}/{port.protocol}"


class _Endpoint(msgspec.Struct, frozen=True, rename="pascal"):
    ip_address: str = msgspec.field(default="", name="IPAddress")
    endpoint_id: str = msgspec.field(default="", name="EndpointID")


class _HostBinding(msgspec.Struct, frozen=True, rename="pascal"):
    host_ip: str = ""
    host_port: str = ""


class _Networks(msgspec.Struct, frozen=True, rename="pascal"):
    networks: dict[str, _Endpoint] | None = None
    ports: dict[str, list[_HostBinding] | None] | None = None

    @property
    def address(self) -> str:
        found = (endpoint.ip_address for endpoint in (self.networks or {}).values())
        return next(filter(None, found), "")

    @property
    def endpoint_id(self) -> str:
        found = (endpoint.endpoint_id for endpoint in (self.networks or {}).values())
        return next(filter(None, found), "")


class _State(msgspec.Struct, frozen=True, rename="pascal"):
    status: str = ""
    oom_killed: bool = msgspec.field(default=False, name="OOMKilled")
    exit_code: int = 0
    started_at: str = ""
    finished_at: str = ""


class _Config(msgspec.Struct, frozen=True, rename="pascal"):
    labels: dict[str, str] | None = None
    tty: bool = False


class Inspected(msgspec.Struct, frozen=True, rename="pascal"):
    """The part of the engine's inspect answer that cube reads."""

    id: str
    state: _State
    config: _Config
    network_settings: _Networks = _Networks()

    @property
    def tty(self) -> bool:
        """Whether its log is one raw stream; never so for a container that cube made."""
        return self.config.tty

    @property
    def endpoint_id(self) -> str:
        """The engine's number of its network connection, a new one at each start."""
        return self.network_settings.endpoint_id

    def seen(self) -> ContainerSeen | None:
        """Return the container in cube's words, or None where its labels are not cube's."""
        label = decode_label(self.config.labels or {})
        if label is None:
            return None
        state = STATES.get(self.state.status, ContainerState.EXITED)
        ended = state is ContainerState.EXITED
        started_ms = nanoseconds(self.state.started_at) // 1_000_000
        # Of a container that exits at once the engine may write down the end before the start.
        finished_ms = max(started_ms, nanoseconds(self.state.finished_at) // 1_000_000)
        return ContainerSeen(
            id=self.id,
            label=label,
            state=state,
            # The engine takes the network away a moment after it reports the exit.
            address="" if ended else self.network_settings.address,
            ports=() if ended else _bound_ports(self.network_settings),
            exit=_exit(self.state) if ended else None,
            started_ms=started_ms,
            finished_ms=finished_ms if ended else 0,
        )


def _exit(state: _State) -> Exit:
    # The engine sets its mark also when only a child was killed and the container ended well later.
    return Exit(state.exit_code, out_of_memory=state.oom_killed and state.exit_code != 0)


def _bound_ports(settings: _Networks) -> tuple[PortBinding, ...]:
    found = {
        (int(port), int(binding.host_port), Protocol(protocol)): binding.host_ip
        for key, bindings in (settings.ports or {}).items()
        for port, _, protocol in [key.partition("/")]
        for binding in bindings or ()
        if binding.host_port and protocol in set(Protocol)
    }
    return _sorted_ports(found)


class _ListedPort(msgspec.Struct, frozen=True, rename="pascal"):
    private_port: int = 0
    public_port: int = 0
    type: str = "tcp"
    ip: str = msgspec.field(default="", name="IP")


class Listed(msgspec.Struct, frozen=True, rename="pascal"):
    """The part of one row of the engine's container list that cube reads."""

    id: str
    state: str = ""
    labels: dict[str, str] | None = None
    ports: list[_ListedPort] | None = None
    network_settings: _Networks = _Networks()

    @property
    def ended(self) -> bool:
        """Whether it has ended: then how it did is told by inspect only."""
        return self.state not in STATES

    @property
    def endpoint_id(self) -> str:
        """As in `Inspected`."""
        return self.network_settings.endpoint_id

    def seen(self, started_ms: int) -> ContainerSeen | None:
        """Return a container that has not ended in cube's words, or None where it is not cube's."""
        label = decode_label(self.labels or {})
        if label is None:
            return None
        found = {
            (port.private_port, port.public_port, Protocol(port.type)): port.ip
            for port in self.ports or ()
            if port.public_port and port.type in set(Protocol)
        }
        return ContainerSeen(
            id=self.id,
            label=label,
            state=STATES[self.state],
            address=self.network_settings.address,
            ports=_sorted_ports(found),
            started_ms=started_ms,
        )


def _sorted_ports(found: dict[tuple[int, int, Protocol], str]) -> tuple[PortBinding, ...]:
    return tuple(
        PortBinding(container_port, host_port, protocol, host_ip or ANY_ADDRESS)
        for (container_port, host_port, protocol), host_ip in sorted(found.items())
    )


class EngineInfo(msgspec.Struct, frozen=True, rename="pascal"):
    """The part of the engine's info answer that cube reads."""

    server_version: str = ""
    os_type: str = msgspec.field(default="linux", name="OSType")
    architecture: str = ""
    cpus: int = msgspec.field(default=0, name="NCPU")
    memory_bytes: int = msgspec.field(default=0, name="MemTotal")

    def facts(self) -> EngineFacts:
        """Return the engine's facts in cube's words. How much disk there is, the worker measures itself."""
        architecture = ARCHITECTURES.get(self.architecture, self.architecture)
        return EngineFacts(
            version=self.server_version,
            platform=f"{self.os_type}/{architecture}",
            capacity=Resources(self.cpus * 1000, self.memory_bytes, 0),
        )


def nanoseconds(timestamp: str) -> int:
    """Return an RFC 3339 time in nanoseconds since 1970; 0 for the engine's "never" (the year 1).

    ValueError when it is no time. `datetime` alone would lose the last three digits.
    """
    if not timestamp or timestamp.startswith("0001-"):
        return 0
    seconds, fraction, zone = timestamp[:19], "", timestamp[19:]
    if zone.startswith("."):
        digits = len(zone[1:]) - len(zone[1:].lstrip("0123456789"))
        fraction, zone = zone[1 : 1 + digits], zone[1 + digits :]
    return _whole_seconds(seconds, zone) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))


@lru_cache(maxsize=64)  # the lines of a log share their seconds
def _whole_seconds(seconds: str, zone: str) -> int:
    if not zone:
        raise ValueError(f"{seconds} has no time zone")
    return int(datetime.fromisoformat(seconds + zone).timestamp())
