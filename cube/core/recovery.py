"""Making good what a ledger lost: from the labels of the containers that run.

A ledger that was put back to an earlier state knows neither the newest tasks nor where their containers are, and
would order them away as strangers. Every container carries the revision at which it was assigned, so what was lost
can be told from what was removed on record: it is put back on record as it runs.

While a ledger recovers, nothing is placed, nothing that runs is removed and users can change nothing: a slot that
seems vacant may be held by a worker that has not called yet. It ends when every node on record is here and has told
what it holds, or when an administrator says that no more are to be expected.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from cube.core.changes import Adopt, Change, PutLineage, PutTask, WriteOff
from cube.core.cluster import Cluster
from cube.core.effects import Rejected
from cube.core.inputs import Connect, Described
from cube.core.words import plural
from cube.model.allocation import Allocation, Observed, Phase
from cube.model.event import EventKind
from cube.model.ids import AllocationId, NodeId, split_allocation_id
from cube.model.node import Condition
from cube.model.orders import Description, Holding
from cube.model.spec import TaskSpec
from cube.model.task import Goal, Task
from cube.model.timing import Instant, Timing


class Recovery:
    """What was asked of workers and not answered, and when a recovery may end. Rebuilt by their next hello."""

    def __init__(self, cluster: Cluster, timing: Timing, now: Instant) -> None:
        self._cluster = cluster
        self._patience = timing.recovery_least
        self._since = now.monotonic
        # Asked for, and the newest report of each that came before its description.
        self._asked: dict[AllocationId, Observed | None] = {}
        self._told: set[NodeId] = set()  # the nodes that said all they hold
        self._hellos: dict[NodeId, Connect] = {}  # the newest of each node that called meanwhile

    @property
    def going_on(self) -> bool:
        """Whether nothing is to be placed, removed or changed for now."""
        return self._cluster.lineage.recovering

    def ends_at(self) -> float | None:
        """The monotonic second at which it ends by itself if nothing else happens; None: it does not."""
        return self._since + self._patience if self.going_on and not self.missing() else None

    def waits_for(self) -> str:
        """Return what the end of it waits for, in words."""
        return self.missing() or "workers that are not on record may be about to call"

    def refusal(self) -> Rejected:
        """Return the answer to every wish meanwhile."""
        return Rejected(
            "recovering",
            f"the ledger is being recovered and nothing can be changed yet: {self.waits_for()}",
            "it ends by itself once all are here; to go on without them: cube manager recover --accept",
        )

    def take_hellos(self) -> list[Connect]:
        """Return what the nodes said that connected meanwhile, the newest of each, and forget it."""
        hellos, self._hellos = self._hellos, {}
        return list(hellos.values())

    def missing(self) -> str:
        """Return what must still come before it may end by itself; empty when nothing must."""
        cluster = self._cluster
        if not cluster.nodes:
            return "no node has called yet"
        absent = sorted(
            node.name
            for id, node in cluster.nodes.items()
            if id not in self._told and node.condition is not Condition.LOST
        )
        if absent:
            return f"{plural(len(absent), 'node')} did not call yet: {', '.join(absent)}"
        if self._asked:
            return f"{plural(len(self._asked), 'container')} to be described by their workers"
        return (
            "" if cluster.lineage.gaps[-1].after else "nothing is known of how many nodes there are"
        )

    def notice(self, hello: Connect, now: Instant) -> list[Change]:
        """Return the change that begins a recovery where a worker holds what is newer than the ledger."""
        cluster = self._cluster
        seen = max((held.revision for held in hello.holding), default=0)
        if seen <= cluster.revision:
            return []
        self._since = now.monotonic
        words = (
            f"the ledger ends at revision {cluster.revision}, but {hello.facts.name} runs what was "
            f"assigned at {seen}: it was put back to an earlier state"
        )
        lineage = cluster.lineage.put_back(cluster.revision, seen)
        return [PutLineage(lineage, EventKind.MANAGER_RECOVERING, words)]

    def ask(self, hello: Connect) -> list[AllocationId]:
        """Return which of the allocations that a worker holds it must describe, and take note of its hello."""
        asked = [held.id for held in hello.holding if self.was_lost(held)]
        self._asked.update(dict.fromkeys(asked))
        if self.going_on:
            self._hellos[hello.node_id] = hello
        if hello.blind:  # it does not know yet what its engine holds
            self._told.discard(hello.node_id)
        else:
            self._told.add(hello.node_id)
        return asked

    def was_lost(self, held: Holding) -> bool:
        """Whether it is unknown because its record was lost, and no newer stay of its slot is on record."""
        cluster = self._cluster
        if held.id in cluster.allocations or not cluster.lineage.lost(held.revision):
            return False
        task_id, number, generation = split_allocation_id(held.id)
        if task_id not in cluster.tasks:
            return True
        slot = cluster.slots(task_id).get(number)
        return slot is None or slot.generation < generation

    def keep_for_later(self, allocation_id: AllocationId, seen: Observed) -> bool:
        """Whether a report is of an allocation still to be described; if so it is not lost."""
        if allocation_id not in self._asked:
            return False
        if seen.phase is Phase.REMOVED:
            del self._asked[allocation_id]
        else:
            self._asked[allocation_id] = seen
        return True

    def adopt(self, told: Described, now: Instant) -> Iterable[Change]:
        """Yield the changes that put described allocations on record. Apply each before taking the next."""
        for described in told.allocations:
            if described.id not in self._asked:
                continue
            later = self._asked.pop(described.id)
            held = Holding(id=described.id, revision=described.revision)
            if self.was_lost(held):
                yield from _adopt(self._cluster, told, described, later, now)

    def over(self, now: Instant) -> bool:
        """Whether it may end without anybody saying so."""
        ends_at = self.ends_at()
        return ends_at is not None and now.monotonic >= ends_at

    def end(self, words: str) -> PutLineage:
        """Return the change that ends it."""
        lineage = replace(self._cluster.lineage, recovering=False)
        return PutLineage(lineage, EventKind.MANAGER_RECOVERED, words)


def _adopt(
    cluster: Cluster, told: Described, described: Description, later: Observed | None, now: Instant
) -> Iterable[Change]:
    task_id, number, generation = split_allocation_id(described.id)
    spec = described.spec
    yield from _put_back(cluster, described, number, now)
    task = cluster.tasks[task_id]
    slot = cluster.slots(task_id).get(number)
    if slot is not None and slot.latest is not None and not slot.latest.ended:
        yield WriteOff(slot.latest.id, f"generation {generation} of its slot runs already")
    current = task.spec.template == replace(spec, name=task.name).template
    observed = described.observed if later is None else max(described.observed, later, key=_stamp)
    yield Adopt(
        Allocation(
            id=described.id,
            task_id=task_id,
            slot=number,
            generation=generation,
            node_id=told.node_id,
            template_revision=task.template_revision if current else task.template_revision - 1,
            demand=spec.demand,
            host_ports=spec.host_ports,
            devices=described.devices,
            assigned_ms=now.wall_ms,
            revision=described.revision,
            observed=replace(observed, epoch=told.epoch),
        )
    )


def _stamp(observed: Observed) -> tuple[int, int, int, int]:
    return observed.stamp


def _put_back(
    cluster: Cluster, described: Description, number: int, now: Instant
) -> Iterable[Change]:
    """Yield the change that makes the task what its newest container says it had become."""
    task_id, _, _ = split_allocation_id(described.id)
    present = cluster.tasks.get(task_id)
    spec = described.spec
    replicas = max(spec.replicas, number)
    words = f"found on its containers, as of revision {described.revision}"
    if present is None:
        spec = replace(spec, name=_free_name(cluster, spec), replicas=replicas)
        task = Task(id=task_id, spec=spec, created_ms=now.wall_ms, changed_ms=now.wall_ms)
        yield PutTask(task, EventKind.TASK_ADOPTED, words)
        return
    if described.revision < _newest(cluster, task_id_of=present):
        spec, replicas = present.spec, max(present.spec.replicas, number)
    wanted = replace(spec, name=present.name, replicas=replicas)
    if wanted == present.spec and present.goal is Goal.RUN:
        return
    revision = present.revision + 1
    changed = present.spec.template != wanted.template
    yield PutTask(
        replace(
            present,
            spec=wanted,
            goal=Goal.RUN,
            revision=revision,
            template_revision=revision if changed else present.template_revision,
            changed_ms=now.wall_ms,
        ),
        EventKind.TASK_ADOPTED,
        words,
    )


def _newest(cluster: Cluster, task_id_of: Task) -> int:
    """Return the newest lost revision from which an allocation of the task was put back already."""
    return max(
        (
            slot.latest.revision
            for slot in cluster.slots(task_id_of.id).values()
            if slot.latest and cluster.lineage.lost(slot.latest.revision)
        ),
        default=0,
    )


def _free_name(cluster: Cluster, spec: TaskSpec) -> str:
    """Names are unique among what runs: one that was given to another task since gets a number."""
    name, number = spec.name, 2
    while (holder := cluster.named(name)) is not None and holder.goal is Goal.RUN:
        name, number = f"{spec.name}-{number}", number + 1
    return name
