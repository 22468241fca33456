"""From the engine's JSON to cube's words. Pure. The other way: `request`."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import msgspec

from cube.model.allocation import Exit, PortBinding
from cube.model.resources import Resources
from cube.model.spec import Network, Protocol, TaskSpec
from cube.runtime.contract import ContainerSeen, ContainerState, EngineFacts
from cube.runtime.labels import decode_label

ANY_ADDRESS = "0.0.0.0"

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}

STATES = {
    "created": ContainerState.CREATED,
    "running": ContainerState.RUNNING,
    "restarting": ContainerState.RUNNING,
    "paused": ContainerState.PAUSED,
}  # everything else ("exited", "dead", "removing") has ended


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
            ports=() if ended else _bound_ports(self.network_settings) + _own_ports(label.spec),
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
            ports=_sorted_ports(found) + _own_ports(label.spec),
            started_ms=started_ms,
        )


def _own_ports(spec: TaskSpec) -> tuple[PortBinding, ...]:
    """Return the ports of a container on the machine's own network, of which the engine knows nothing."""
    if spec.network is not Network.HOST:
        return ()
    return tuple(
        PortBinding(port.container_port, port.container_port, port.protocol) for port in spec.ports
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
