"""Making good what a ledger lost: from the labels of the containers that run.

A ledger that was put back to an earlier state knows neither the newest tasks nor where their containers are, and
would order them away as strangers. Every container carries the revision at which it was assigned, so what was lost
can be told from what was removed on record: it is put back on record as it runs.

While a ledger recovers, nothing is placed, nothing that runs is removed and users can change nothing: a slot that
seems vacant may be held by a worker that has not called yet. It ends when every node on record is here and has told
what it holds, or when an administrator says that no more are to be expected. Who calls later is asked all the same;
only what users have changed on record since then stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from cube.core.changes import Adopt, Change, PutLineage, PutTask, WriteOff
from cube.core.cluster import Cluster
from cube.core.effects import Rejected
from cube.core.inputs import Connect, Described, Observe
from cube.core.words import plural
from cube.model.allocation import Allocation, Observed, Phase
from cube.model.event import EventKind
from cube.model.ids import AllocationId, NodeId, TaskId, split_allocation_id
from cube.model.node import Condition
from cube.model.orders import Description
from cube.model.spec import TaskSpec
from cube.model.task import Goal, Task
from cube.model.timing import Instant, Timing


class Recovery:
    """What was asked of workers and not answered, and when a recovery may end. Rebuilt by their next hello."""

    def __init__(self, cluster: Cluster, timing: Timing, now: Instant) -> None:
        self._cluster = cluster
        self._patience = timing.recovery_least
        self._since = now.monotonic
        self._asked_at = now.monotonic
        # Of whom it was asked for, and the newest report of each that came before its description.
        self._asked: defaultdict[NodeId, dict[AllocationId, Observed | None]] = defaultdict(dict)
        self._told: set[NodeId] = set()  # the nodes that said all they hold
        self._hellos: dict[NodeId, Connect] = {}  # the newest of each node that called meanwhile
        self._newest: dict[TaskId, int] = {}  # of the containers of a task that were adopted

    @property
    def going_on(self) -> bool:
        """Whether nothing is to be placed, removed or changed for now."""
        return self._cluster.lineage.recovering

    def ends_at(self) -> float | None:
        """The monotonic second at which it ends by itself if nothing else happens; None: it does not."""
        return self._since + self._patience if self.going_on and not self.missing() else None

    def listens_until(self, now: Instant) -> float | None:
        """Until when nothing is placed because a late worker is about to describe what it holds; None: place."""
        until = self._asked_at + self._patience
        return until if now.monotonic < until and any(self._asked.values()) else None

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
        if asked := sum(map(len, self._asked.values())):
            return f"{plural(asked, 'container')} to be described by their workers"
        if not cluster.lineage.gaps[-1].after:
            return "nothing is on record of how many nodes there are"
        return ""

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
        lineage = cluster.lineage.put_back(cluster.revision, now_ms=now.wall_ms, seen=seen)
        return [PutLineage(lineage, EventKind.MANAGER_RECOVERING, words)]

    def ask(self, hello: Connect, now: Instant) -> list[AllocationId]:
        """Return which of the allocations that a worker holds it must describe, and take note of its hello."""
        asked = [held.id for held in hello.holding if self.was_lost(held.id, held.revision)]
        self._asked[hello.node_id] = dict.fromkeys(asked)
        if asked:
            self._asked_at = now.monotonic
        if self.going_on:
            self._hellos[hello.node_id] = hello
        if hello.blind:  # it does not know yet what its engine holds
            self._told.discard(hello.node_id)
        else:
            self._told.add(hello.node_id)
        return asked

    def was_lost(self, allocation_id: AllocationId, revision: int) -> bool:
        """Whether it is unknown because its record was lost, and nothing newer on record speaks against it."""
        cluster = self._cluster
        if allocation_id in cluster.allocations or not cluster.lineage.lost(revision):
            return False
        task_id, number, generation = split_allocation_id(allocation_id)
        task = cluster.tasks.get(task_id)
        if task is None:
            return True
        slot = cluster.slots(task_id).get(number)
        if slot is not None and slot.generation >= generation:
            return False
        return number <= task.wanted_slots or not self._stands(task, revision)

    def _stands(self, task: Task, revision: int) -> bool:
        """Whether the wish on record is newer than any that was lost."""
        changed = task.changed_revision
        return changed > revision and not self._cluster.lineage.lost(changed)

    def has_told(self, node_id: NodeId) -> bool:
        """Whether the node said all that it holds when it called. Else it calls again once it knows, and nothing
        that it holds can be called strange before: only then it tells the revisions."""
        return node_id in self._told

    def keep_for_later(self, said: Observe) -> set[AllocationId]:
        """Return of which allocations still to be described there was a report. It is not lost."""
        asked = self._asked[said.node_id]
        kept = {id for id, _ in said.reports if id in asked}
        for id, seen in said.reports:
            if id in kept and seen.phase is Phase.REMOVED:
                asked.pop(id, None)
            elif id in kept:
                asked[id] = seen
        return kept

    def adopt(
        self, told: Described, described: Description, now: Instant
    ) -> Iterable[Change] | None:
        """Return the changes that put an allocation on record, each to be applied before the next is taken.

        None: it was not lost, or a newer stay of its slot was put on record since it was asked for.
        """
        later = self._asked[told.node_id].pop(described.id, None)
        if not self.was_lost(described.id, described.revision):
            return None
        observed = described.observed
        if later is not None:
            observed = max(observed, later, key=lambda seen: seen.stamp)
        return self._adopt(told, described, observed, now)

    def over(self, now: Instant) -> bool:
        """Whether it may end without anybody saying so."""
        ends_at = self.ends_at()
        return ends_at is not None and now.monotonic >= ends_at

    def end(self, words: str) -> PutLineage:
        """Return the change that ends it."""
        lineage = replace(self._cluster.lineage, recovering=False)
        return PutLineage(lineage, EventKind.MANAGER_RECOVERED, words)

    def _adopt(
        self, told: Described, described: Description, observed: Observed, now: Instant
    ) -> Iterator[Change]:
        cluster = self._cluster
        task_id, number, generation = split_allocation_id(described.id)
        yield from self._put_back(described, now)
        task = cluster.tasks[task_id]
        slot = cluster.slots(task_id).get(number)
        for one in reversed(slot.every) if slot is not None else ():
            if not one.ended:
                yield WriteOff(one.id, f"generation {generation} of its slot runs already")
        spec = described.spec
        current = task.spec.template == replace(spec, name=task.name).template
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

    def _put_back(self, described: Description, now: Instant) -> Iterator[Change]:
        """Yield the change that makes the task what its newest container says it had become."""
        task_id, number, _ = split_allocation_id(described.id)
        present = self._cluster.tasks.get(task_id)
        spec, revision = described.spec, described.revision
        if present is None:
            name = _free_name(self._cluster, spec)
            present = Task(id=task_id, spec=replace(spec, name=name, replicas=0))
            present = replace(present, created_ms=now.wall_ms, revision=0)
        elif revision < max(present.changed_revision, self._newest.get(task_id, 0)):
            spec, revision = present.spec, present.changed_revision
        self._newest[task_id] = max(described.revision, self._newest.get(task_id, 0))
        # What runs is not scaled away: the label may be older than the last scaling.
        replicas = max(spec.replicas, number, _highest_live(self._cluster, task_id))
        wanted = replace(spec, name=present.name, replicas=replicas)
        if (wanted, Goal.RUN) != (present.spec, present.goal):
            after = replace(_revised(present, wanted), goal=Goal.RUN, changed_revision=revision)
            words = f"found on its containers, as of revision {described.revision}"
            yield PutTask(replace(after, changed_ms=now.wall_ms), EventKind.TASK_ADOPTED, words)


def _revised(present: Task, spec: TaskSpec) -> Task:
    """Return the task with this spec."""
    revision = present.revision + 1
    same = spec.template == present.spec.template
    return replace(
        present,
        spec=spec,
        revision=revision,
        template_revision=present.template_revision if same else revision,
    )


def _highest_live(cluster: Cluster, task_id: TaskId) -> int:
    """Return the number of the last slot that is filled on record."""
    if task_id not in cluster.tasks:
        return 0
    slots = cluster.slots(task_id).values()
    return max((one.number for one in slots if one.latest and one.latest.live), default=0)


def _free_name(cluster: Cluster, spec: TaskSpec) -> str:
    """Names are unique among what runs: one that was given to another task since gets a number."""
    name, number = spec.name, 2
    while (holder := cluster.named(name)) is not None and holder.goal is Goal.RUN:
        name, number = f"{spec.name}-{number}", number + 1
    return name
