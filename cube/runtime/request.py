"""The request that makes a container, built field by field from the typed spec. Pure.

Nothing of what a user wrote is passed through. What it asks for is checked on the finished request (`policy_check`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cube.core.policy import WITHHELD_CAPABILITIES, canonical_image
from cube.model.allocation import Failure, FailureKind
from cube.model.extras import env_of
from cube.model.ids import split_allocation_id
from cube.model.policy import CLOSED, EVERY_IMAGE, HostPolicy, Policy
from cube.model.secret import NO_SECRETS, SECRETS_FOLDER, GivenSecrets
from cube.model.spec import Network, Port, TaskSpec
from cube.runtime.contract import RunLabel, RuntimeFailure
from cube.runtime.labels import encode_label, hostname

NO_NEW_PRIVILEGES = ("no-new-privileges",)
NANOS_PER_MILLI_CPU = 1_000_000
ANY_ADDRESS = "0.0.0.0"


def create_body(
    label: RunLabel, policy: HostPolicy = CLOSED, given: GivenSecrets = NO_SECRETS
) -> dict[str, Any]:
    """Return the body of the engine's create request for this run. RuntimeFailure for a mount nobody has named.

    Whether the policy allows it is asked afterwards, of the finished body (`policy_check`).
    """
    spec = label.spec
    body: dict[str, Any] = {
        "Image": image_name(spec.image, policy.allows),
        "Hostname": hostname(label),
        "Env": [f"{name}={value}" for name, value in (_environment(label) | given.env).items()],
        "Labels": encode_label(label),
        "HostConfig": _host_config(spec, policy, given),
    }
    bridged = spec.network is Network.BRIDGE
    optional: dict[str, Any] = {
        "Cmd": list(spec.command),
        "Entrypoint": list(spec.entrypoint),
        "WorkingDir": spec.workdir,
        "User": spec.user,
        "StopSignal": spec.stop_signal,
        "ExposedPorts": {_port_key(port): {} for port in spec.ports if bridged},
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


def image_name(image: str, policy: Policy) -> str:
    """Return the name to ask the engine for: the canonical one where only some images are allowed.

    A short name may mean to the engine what it means to nobody else: the beginning of an image's id.
    """
    return image if EVERY_IMAGE in policy.images else canonical_image(image)


def _host_config(spec: TaskSpec, policy: HostPolicy, given: GivenSecrets) -> dict[str, Any]:
    bridged = spec.network is Network.BRIDGE
    config: dict[str, Any] = {
        "RestartPolicy": {"Name": "no"},  # the worker restarts, and counts
        "NetworkMode": spec.network.value,
        "LogConfig": log_config(policy),
        "ReadonlyRootfs": spec.read_only,
        "CapDrop": _dropped(spec),
    }
    memory = spec.memory_bytes or policy.memory_default
    optional: dict[str, Any] = {
        "Privileged": spec.privileged,
        "SecurityOpt": list(NO_NEW_PRIVILEGES) if policy.no_new_privileges else [],
        "NanoCpus": spec.cpu_millis * NANOS_PER_MILLI_CPU,
        "Memory": memory,
        "MemorySwap": memory,  # both together: no swap, so that the limit is the limit
        "PidsLimit": spec.pids_limit,
        "Ulimits": [
            {"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard} for limit in spec.ulimits
        ],
        "CapAdd": list(spec.cap_add),
        "Devices": [
            {
                "PathOnHost": device.path,
                "PathInContainer": device.target or device.path,
                "CgroupPermissions": device.permissions,
            }
            for device in spec.devices
        ],
        "Tmpfs": {
            tmpfs.path: f"size={tmpfs.size_bytes}" if tmpfs.size_bytes else ""
            for tmpfs in spec.tmpfs
        },
        "Mounts": [
            *(_mounted("volume", one.name, one.path, one.read_only) for one in spec.volumes),
            *(
                _mounted("bind", _source(one.name, policy), one.path, one.read_only)
                for one in spec.mounts
            ),
            *([_mounted("bind", given.folder, SECRETS_FOLDER, True)] if given.folder else []),
        ],
        "PortBindings": _port_bindings(spec.ports) if bridged else {},
    }
    return config | {name: value for name, value in optional.items() if value}


def log_config(policy: HostPolicy) -> dict[str, Any]:
    """Return how the engine keeps what a container writes."""
    limits = {"max-size": str(policy.log_bytes), "max-file": str(policy.log_files)}
    return {"Type": "json-file", "Config": limits}


def _dropped(spec: TaskSpec) -> list[str]:
    """Return what is taken of the engine's own set: what the task says, and what nobody gets unasked."""
    if "ALL" in spec.cap_drop:
        return list(spec.cap_drop)
    withheld = {*WITHHELD_CAPABILITIES} - {*spec.cap_add}
    return [*spec.cap_drop, *sorted(withheld - {*spec.cap_drop})]


def _mounted(kind: str, source: str, target: str, read_only: bool) -> dict[str, Any]:
    return {"Type": kind, "Source": source, "Target": target, "ReadOnly": read_only}


def _source(name: str, policy: HostPolicy) -> str:
    if name not in policy.sources:
        message = f"the policy of this worker does not allow mount {name}"
        raise RuntimeFailure(Failure(FailureKind.NOT_ALLOWED, message))
    return policy.sources[name]


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
