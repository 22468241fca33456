"""Finding what people mean: by id, by name, or by the beginning of an id that only one thing has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from cube.core.cluster import Cluster
from cube.core.grammar import is_reference
from cube.core.words import near
from cube.errors import Ambiguous, InvalidInput, NotFound, Objection
from cube.model.ids import NodeId, TaskId
from cube.model.node import Node
from cube.model.task import Task

SLOT_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
MATCHES_SHOWN = 5


class _Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


Thing = TypeVar("Thing", bound=_Named)


def checked_reference(text: str) -> str:
    """Return the text when it may be a name or an id; it came decoded from a path and can hold anything."""
    if not is_reference(text):
        message = "is neither a name nor an id: letters, digits, `.`, `_` and `-` make one"
        raise InvalidInput((Objection("", message),))
    return text


def find_task(cluster: Cluster, reference: str) -> Task:
    """Return the one task meant. NotFound, or Ambiguous with what fits."""
    if found := cluster.tasks.get(TaskId(reference)) or cluster.named(reference):
        return found
    return _by_prefix("task", cluster.tasks, reference, "cube status -a")


def find_slot(cluster: Cluster, reference: str) -> tuple[Task, int | None]:
    """Return the one task meant, and the number where one of its slots is: `web.2`. NotFound, or Ambiguous.

    A task whose own name ends in a dot and a number is that task.
    """
    stem, dot, number = reference.rpartition(".")
    try:
        return find_task(cluster, reference), None
    except NotFound:
        if not (dot and stem and SLOT_NUMBER.fullmatch(number)):
            raise
    return find_task(cluster, stem), int(number)


def find_node(cluster: Cluster, reference: str) -> Node:
    """Return the one node meant. NotFound, or Ambiguous with what fits."""
    if found := cluster.nodes.get(NodeId(reference)):
        return found
    named = [node for node in cluster.nodes.values() if node.name == reference]
    if named:
        return _only("node", named, reference)
    return _by_prefix("node", cluster.nodes, reference, "cube node ls")


def _by_prefix(
    noun: str, things: Mapping[TaskId, Thing] | Mapping[NodeId, Thing], prefix: str, listing: str
) -> Thing:
    fitting = [thing for thing in things.values() if thing.id.startswith(prefix)]
    if not fitting:
        meant = " or ".join(near(prefix, (thing.name for thing in things.values())))
        hint = f"did you mean {meant}? see: {listing}" if meant else f"see: {listing}"
        raise NotFound(f"there is no {noun} {prefix}", hint=hint)
    return _only(noun, fitting, prefix)


def _only(noun: str, fitting: Iterable[Thing], reference: str) -> Thing:
    found = list(fitting)
    if len(found) == 1:
        return found[0]
    shown = ", ".join(f"{thing.id} ({thing.name})" for thing in found[:MATCHES_SHOWN])
    more = f" and {len(found) - MATCHES_SHOWN} more" if len(found) > MATCHES_SHOWN else ""
    raise Ambiguous(
        f"{len(found)} {noun}s fit {reference}: {shown}{more}", hint="give more of the id"
    )
