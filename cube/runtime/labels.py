"""Whose container it is: the labels and names by which a worker knows its containers again. Pure.

Labels are the worker's only journal, so everything that a restarted worker needs is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2s

import msgspec

from cube.model.allocation import Failure, FailureKind
from cube.model.extras import Share
from cube.model.ids import AllocationId, NodeId, split_allocation_id
from cube.model.spec import TaskSpec
from cube.runtime.contract import RunLabel, RuntimeFailure

PREFIX = "cube."
CLUSTER = "cube.cluster"
NODE = "cube.node"
TASK = "cube.task"
TASK_NAME = "cube.task.name"
SLOT = "cube.slot"
GENERATION = "cube.generation"
RESTART = "cube.restart"
ALLOCATION = "cube.allocation"
REVISION = "cube.revision"
SPEC = "cube.spec"
DEVICES = "cube.devices"  # only where there are any

NAMES_TRIED = 8  # strangers holding eight names with our hash in them are no accident
HOSTNAME_LONGEST = 63  # RFC 1123


def encode_label(label: RunLabel) -> dict[str, str]:
    """Return the labels of a container: the user's, and cube's own that none of them may imitate."""
    if taken := sorted(key for key in label.spec.labels if key.startswith(PREFIX)):
        raise RuntimeFailure(
            Failure(
                FailureKind.BAD_SPEC,
                f"label {taken[0]} is not allowed; names that begin with {PREFIX} are cube's own",
            )
        )
    task_id, slot, generation = split_allocation_id(label.allocation_id)
    devices = msgspec.json.encode(label.devices).decode()
    return {
        **label.spec.labels,
        **({DEVICES: devices} if label.devices else {}),
        CLUSTER: label.cluster_id,
        NODE: label.node_id,
        TASK: task_id,
        TASK_NAME: label.spec.name,
        SLOT: str(slot),
        GENERATION: str(generation),
        RESTART: str(label.restart),
        ALLOCATION: label.allocation_id,
        REVISION: str(label.revision),
        SPEC: msgspec.json.encode(label.spec).decode(),
    }


def decode_label(labels: Mapping[str, str]) -> RunLabel | None:
    """Return whose container these labels name, or None where they name none that this version can read."""
    try:
        split_allocation_id(AllocationId(labels[ALLOCATION]))
        return RunLabel(
            cluster_id=labels[CLUSTER],
            node_id=NodeId(labels[NODE]),
            allocation_id=AllocationId(labels[ALLOCATION]),
            restart=int(labels[RESTART]),
            spec=msgspec.json.decode(labels[SPEC], type=TaskSpec),
            revision=int(labels.get(REVISION, "0")),
            devices=msgspec.json.decode(labels.get(DEVICES, "[]"), type=tuple[Share, ...]),
        )
    except (KeyError, ValueError):  # msgspec's errors are ValueErrors
        return None


def same_run(one: RunLabel, other: RunLabel) -> bool:
    """Whether both name the same container."""
    return _identity(one) == _identity(other)


def _identity(label: RunLabel) -> tuple[str, str, str, int]:
    return (label.cluster_id, label.node_id, label.allocation_id, label.restart)


def container_names(label: RunLabel) -> Iterator[str]:
    """Yield the names to try for a run's container, the same ones in the same order each time.

    Determined names make create repeatable: the engine itself refuses the second container.
    """
    _, slot, _ = split_allocation_id(label.allocation_id)
    run = f"{label.cluster_id}\n{label.allocation_id}\n{label.restart}"
    short_id = blake2s(run.encode(), digest_size=4).hexdigest()
    name = f"cube-{re.sub(r'[^A-Za-z0-9_.-]', '-', label.spec.name)}-{slot}-{short_id}"
    yield name
    for number in range(2, NAMES_TRIED + 1):
        yield f"{name}-{number}"


def hostname(label: RunLabel) -> str:
    """Return the container's host name: `<task name>-<slot>`, cut so that the slot always shows."""
    _, slot, _ = split_allocation_id(label.allocation_id)
    ending = f"-{slot}"
    name = re.sub(r"[^A-Za-z0-9-]+", "-", label.spec.name)[: HOSTNAME_LONGEST - len(ending)]
    return f"{name.strip('-') or 'task'}{ending}"
