"""What must be so some time after the last fault: what is wanted is what is, and nothing else is left over."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from cube.core.cluster import Cluster
from cube.core.manager import ManagerCore
from cube.core.roster import Slot, Standing
from cube.core.scheduler.place import demand_of, place
from cube.core.scheduler.strategies import STRATEGIES
from cube.core.scheduler.trial import without
from cube.model.allocation import Allocation, Health, Phase, Wanted
from cube.model.ids import AllocationId, NodeId
from cube.model.node import Condition
from cube.model.spec import RestartPolicy
from cube.model.task import Goal, Task
from tests.simulation.containers import Container
from tests.simulation.hosts import Host
from tests.simulation.world import World

LEFTOVERS_GONE = 10.0
"""A container that is not wanted is gone so long after its worker was connected and could remove it."""

NEWS_TOLD = 1.0
"""So long after its hello a worker has told what became of all that it held, and the manager has decided on it."""

_GETS_READY = ("app", "new")
"""Images of which a relief gets ready and takes over, if after a pull: until then the cluster is not quiet."""


def unfinished(world: World) -> list[str]:
    """Return what is not yet as it is wanted, one sentence each."""
    manager = world.manager
    assert manager is not None
    return [
        *(f"{user.name} is still waiting" for user in world.users if not user.content),
        *(["decisions are on their way to the disk"] if not manager.decider.idle else []),
        *([f"the recovery waits: {waits}"] if (waits := manager.core.recovering) else []),
        *_hosts(world, manager.core),
        *(
            f"{one.id} has not left yet"
            for one in manager.core.cluster.allocations.values()
            if one.wanted is Wanted.REMOVE
            and not (one.gone or one.lost)
            and manager.core.connected(one.node_id)
        ),
        *_tasks(world, manager.core),
        *(
            f"container {one.id} of {one.label.allocation_id} is left over on {host.name}"
            for host, one in leftovers(world)
        ),
    ]


def _hosts(world: World, core: ManagerCore) -> Iterator[str]:
    for one in core.cluster.nodes.values():
        if one.condition is Condition.SUSPECT:
            yield f"{one.id} is not judged yet"
    for host in world.hosts:
        if host.is_clone:
            continue
        node = core.cluster.nodes.get(host.identity.node_id)
        if node is None or not node.ready or not core.connected(node.id):
            yield f"{host.name} is not connected and ready"
            continue
        since = host.worker.session.open_since if host.worker is not None else None
        if since is None or world.schedule.now - since < NEWS_TOLD:
            yield f"{host.name} has only just called, and tells what happened meanwhile"
        for id in core.cluster.on_node(node.id):
            if core.cluster.allocations[id].lost:  # its worker may have to ask its engine again
                yield f"{id} is not reported as removed"


def _tasks(world: World, core: ManagerCore) -> Iterator[str]:
    running = _running(world)
    for task in core.cluster.tasks.values():
        slots = core.cluster.slots(task.id)
        for slot in slots.values():
            if words := _slot(task, slot, core, running, world.clock.monotonic()):
                yield f"{task.name}.{slot.number}: {words}"
            if words := _staying(task, slot, core, world.clock.monotonic()):
                yield f"{task.name}.{slot.number}: {words}"
        outdated = core.cluster.rosters[task.id].outdated
        if outdated and not _is_held_up(task, core):
            yield f"{task.name}: {sorted(outdated)} were not replaced"


def _is_held_up(task: Task, core: ManagerCore) -> bool:
    """Whether an update has to stop: one replica fails, or one waits and no successor of another would have room."""
    roster = core.cluster.rosters[task.id]
    short = task.wanted_slots - roster.count(Standing.READY) - roster.count(Standing.COMPLETED)
    if short != roster.count(Standing.VACANT):
        return True
    for number in roster.outdated if short else ():
        latest = roster.slots[number].latest
        assert latest is not None
        inventory, here = core.cluster.inventory, (latest.node_id,)
        with without(inventory, *latest.holding):
            if place(demand_of(task), 1, inventory, STRATEGIES["spread"], only=here).nodes:
                return False
    return short > 0


def _slot(
    task: Task,
    slot: Slot,
    core: ManagerCore,
    running: dict[tuple[NodeId, AllocationId], list[Container]],
    now: float,
) -> str:
    latest = slot.latest
    if slot.standing is Standing.UNWANTED:
        held = latest is not None and not latest.gone and not latest.lost
        return "something is left of it" if held else ""
    if slot.standing is Standing.VACANT:
        return _vacant(task, slot, core, now)
    if slot.standing in (Standing.COMPLETED, Standing.FAILED):
        return ""
    assert latest is not None
    if _comes_and_goes(task):
        return ""
    if latest.observed.phase is not Phase.RUNNING:
        return f"{latest.id} is {latest.observed.phase.name}"
    if latest.observed.health is Health.STARTING:
        return f"{latest.id} has not been asked for its health yet"
    containers = running.get((latest.node_id, latest.id), [])
    if len(containers) != 1:
        return f"{latest.id} is said to run, and does not"
    spec = containers[
        0
    ].label.spec  # not the task's: where one replica waits, others are not replaced
    if containers[0].ill and spec.health is not None:
        return f"{latest.id} is not found to be ill yet"
    endless = spec.image != "job" or spec.restart is RestartPolicy.ALWAYS
    return "" if endless else f"{latest.id} is not done"


def _staying(task: Task, slot: Slot, core: ManagerCore, now: float) -> str:
    """Return what is wrong with a working replica that should have left a draining node."""
    if _comes_and_goes(task) or slot.standing is not Standing.READY or slot.latest is None:
        return ""
    if slot.relief is not None and task.spec.image in _GETS_READY:
        return f"{slot.relief.id} stands by still"
    cluster = core.cluster
    roster = cluster.rosters[task.id]
    if slot.latest.node_id not in cluster.draining or slot.number in roster.outdated:
        return ""
    if roster.count(Standing.READY) < task.wanted_slots or slot.avoided(now) or not slot.clear:
        return ""  # others are in trouble, which is told of them
    strategy = STRATEGIES[task.spec.strategy or "spread"]
    if place(demand_of(task, None, cluster.named), 1, cluster.inventory, strategy).nodes:
        return "it would fit elsewhere, and stays on a draining node"
    return ""


def _vacant(task: Task, slot: Slot, core: ManagerCore, now: float) -> str:
    if slot.latest is not None and slot.latest.wanted.value == "remove" and not slot.latest.ended:
        return f"{slot.latest.id} is still being removed"
    avoid = {node_id: why for node_id, (_, why) in slot.avoided(now).items()}
    strategy = STRATEGIES[task.spec.strategy or "spread"]
    if place(demand_of(task, avoid, core.cluster.named), 1, core.cluster.inventory, strategy).nodes:
        return "it would fit, and is not placed"
    return ""


def _running(world: World) -> dict[tuple[NodeId, AllocationId], list[Container]]:
    found: dict[tuple[NodeId, AllocationId], list[Container]] = {}
    for host in world.hosts:
        for one in host.engine.containers.values():
            if one.runs and host.alive:
                key = (one.label.node_id, one.label.allocation_id)
                found.setdefault(key, []).append(one)
    return found


def leftovers(world: World) -> Iterator[tuple[Host, Container]]:
    """Yield the containers of nodes that are there which nobody wants, and those beside a newer one that runs."""
    manager = world.manager
    assert manager is not None
    allocations = manager.core.cluster.allocations
    for host in world.hosts:
        if host.is_clone:
            continue
        for one in host.engine.containers.values():
            if one.label.node_id != host.identity.node_id:
                continue  # of a former identity: left alone
            allocation = allocations.get(one.label.allocation_id)
            if (
                allocation is None
                or allocation.node_id != one.label.node_id
                or _unwanted(allocation)
            ):
                yield host, one


def _unwanted(allocation: Allocation) -> bool:
    return allocation.wanted.value == "remove" or allocation.lost or allocation.gone


def differences(world: World, core: ManagerCore) -> list[str]:
    """Return where the manager's memory is not what its ledger holds."""
    kept, now = Cluster(world.ledger.load()), core.cluster
    found = []
    if kept.tasks != now.tasks:
        found.append("the tasks differ")
    if kept.nodes != now.nodes:
        found.append("the nodes differ")
    if kept.revision != now.revision:
        found.append(f"the ledger is at revision {kept.revision}, the manager at {now.revision}")
    ours = {key: as_recorded(one) for key, one in now.allocations.items()}
    theirs = {key: as_recorded(one) for key, one in kept.allocations.items()}
    if ours != theirs:
        keys = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
        found.append(f"the allocations {sorted(keys)} differ")
    return found


def as_recorded(allocation: Allocation) -> Allocation:
    """The allocation without what is not worth a write: progress and repetition."""
    seen = replace(allocation.observed, sequence=0, epoch=0, at_ms=0, message="")
    return replace(allocation, observed=seen)


def is_restless(world: World) -> bool:
    """Whether something goes on by policy, so that there is something to write now and then."""
    manager = world.manager
    assert manager is not None
    # A container of a former identity may hold a port that the manager knows nothing of: it tries now and then.
    strangers = any(
        one.runs and one.label.spec.host_ports and one.label.node_id != host.identity.node_id
        for host in world.hosts
        for one in host.engine.containers.values()
    )
    at_work = any(  # its end is still to be written down
        one.runs and one.label.spec.image == "job"
        for host in world.hosts
        for one in host.engine.containers.values()
    )
    now = world.clock.monotonic()
    retried = any(
        slot.standing is Standing.VACANT and slot.avoided(now)
        for roster in manager.core.cluster.rosters.values()
        for slot in roster.slots.values()
    )
    return (
        strangers
        or at_work
        or retried
        or any(_comes_and_goes(task) for task in manager.core.cluster.tasks.values())
    )


def _comes_and_goes(task: Task) -> bool:
    """Whether its containers end and begin for ever, as its policy wants it."""
    always = task.spec.image == "job" and task.spec.restart is RestartPolicy.ALWAYS
    return task.goal is Goal.RUN and (task.spec.image == "crash" or always)
