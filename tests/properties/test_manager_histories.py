"""Whatever users and workers do, in whatever order: the manager's core keeps its promises.

The invariants of `core.invariants` are checked by the World after every input.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cube.core.cluster import Cluster
from cube.core.inputs import Apply, RemoveNode, Restart, Scale, SetAvailability, Tick
from cube.model.allocation import Exit, Failure, FailureKind, Health, Phase
from cube.model.event import EventKind
from cube.model.ids import AllocationId, split_allocation_id
from cube.model.node import Availability
from cube.model.resources import Resources
from cube.model.spec import Port, TaskSpec
from tests.builders import GIB, MIB, a_spec, node_id, task_id
from tests.world import World, as_recorded

NAMES = ("a", "b", "c")
NODES = ("w1", "w2", "w3", "w4")
SMALL = Resources(cpu_millis=2_000, memory_bytes=GIB, disk_bytes=GIB)

specs = st.builds(
    lambda name, replicas, cpu, memory, port, most, image, rank: a_spec(
        name=name,
        replicas=replicas,
        cpu_millis=cpu,
        memory_bytes=memory,
        ports=(Port(80, port),) if port else (),
        max_per_node=most,
        image=image,
        priority=rank[0],
        preempt=rank[1],
    ),
    name=st.sampled_from(NAMES),
    replicas=st.integers(0, 4),
    cpu=st.sampled_from((0, 300, 900)),
    memory=st.sampled_from((0, 200 * MIB)),
    port=st.sampled_from((0, 0, 8080)),
    most=st.sampled_from((0, 0, 1)),
    image=st.sampled_from(("busybox:1", "busybox:2")),
    rank=st.sampled_from(((50, False), (20, False), (50, True), (90, True))),
)

failures = st.sampled_from(
    (
        Failure(FailureKind.PORT_TAKEN, "port 8080 is taken"),
        Failure(FailureKind.IMAGE_MISSING, "image busybox:1 not found"),
        Failure(FailureKind.ENGINE_AWAY, "the engine does not answer"),
    )
)

seen = st.one_of(
    st.builds(lambda text: {"phase": Phase.PULLING, "message": text}, st.text(max_size=3)),
    st.builds(
        lambda health, restart: {"phase": Phase.RUNNING, "health": health, "restart": restart},
        st.sampled_from(Health),
        st.integers(0, 4),
    ),
    st.builds(
        lambda restart, row: {
            "phase": Phase.EXITED,
            "restart": restart,
            "failures_in_row": row,
            "exit": Exit(1),
        },
        st.integers(0, 4),
        st.integers(0, 7),
    ),
    st.just({"phase": Phase.COMPLETED, "exit": Exit(0)}),
    st.builds(lambda failure: {"phase": Phase.FAILED, "failure": failure}, failures),
    st.just({"phase": Phase.REMOVED}),
)

actions = st.one_of(
    st.tuples(st.just("join"), st.sampled_from(NODES)),
    st.tuples(st.just("leave"), st.sampled_from(NODES)),
    st.tuples(st.just("submit"), specs),
    st.tuples(st.just("apply"), specs),
    st.tuples(st.just("stop"), st.sampled_from(NAMES)),
    st.tuples(st.just("scale"), st.sampled_from(NAMES), st.integers(0, 5)),
    st.tuples(st.just("restart"), st.sampled_from(NAMES)),
    st.tuples(st.just("report"), st.integers(0, 30), seen),
    st.tuples(st.just("obey"), st.integers(1, 6)),
    st.tuples(st.just("time"), st.sampled_from((0.5, 2.0, 5.0, 70.0))),
    st.tuples(st.just("manager restart")),
    st.tuples(
        st.just("availability"), st.sampled_from(NODES), st.sampled_from(tuple(Availability))
    ),
    st.tuples(st.just("remove node"), st.sampled_from(NODES)),
)


def act(world: World, action: tuple) -> None:
    match action:
        case ("join", name):
            world.join(name, capacity=SMALL, holding=_held(world, name))
        case ("leave", name):
            world.epochs.pop(node_id(name), None)
        case ("submit", TaskSpec() as spec):
            world.submit_spec(spec)
        case ("apply", TaskSpec() as spec):
            world.tell(Apply(task_id(spec.name), spec))
        case ("stop", name):
            world.stop(name)
        case ("scale", name, count):
            world.tell(Scale(task_id(name), count))
        case ("restart", name):
            world.tell(Restart(task_id(name)))
        case ("report", number, what):
            allocations = sorted(world.core.cluster.allocations)
            if allocations:
                chosen = world.core.cluster.allocations[allocations[number % len(allocations)]]
                world.report(chosen, **what)
        case ("obey", count):
            for _ in range(count):
                if any(world.orders.get(node) for node in world.epochs):
                    world.obey_one()
        case ("time", seconds):
            world.pass_time(seconds)
        case ("manager restart",):
            world.restart_manager()
        case ("availability", name, availability):
            world.tell(SetAvailability(node_id(name), availability))
        case ("remove node", name):
            world.tell(RemoveNode(node_id(name)))


def _held(world: World, name: str) -> tuple[AllocationId, ...]:
    return tuple(
        one.id
        for one in world.core.cluster.allocations.values()
        if one.node_id == node_id(name) and not one.gone
    )


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(actions, max_size=40))
def test_any_history_settles_and_is_recovered_from_the_ledger(history: list[tuple]) -> None:
    world = World()
    highest: dict[tuple[str, int], int] = {}
    stamps: dict[AllocationId, tuple[int, int]] = {}
    for action in history:
        known = len(world.events)
        act(world, action)
        _only_forward(world, highest, stamps)
        _only_lower_yield(world, known)

    assert not world.core.handle(Tick(), world.now).writes, (
        "a plan that was carried out asks for more"
    )

    recovered = Cluster(world.ledger)
    now = world.core.cluster
    assert recovered.tasks == now.tasks
    assert recovered.nodes == now.nodes
    assert {key: as_recorded(one) for key, one in recovered.allocations.items()} == {
        key: as_recorded(one) for key, one in now.allocations.items()
    }
    assert recovered.revision == now.revision


def _only_lower_yield(world: World, known: int) -> None:
    """Of what was displaced just now, each was of a lower priority than the one it left for."""
    cluster = world.core.cluster
    displaced = {
        (event.task_id, event.slot, event.generation)
        for event in world.events[known:]
        if event.kind is EventKind.ALLOCATION_STOPPING and event.message.startswith("displaced by")
    }
    for one in cluster.allocations.values():
        if one.displaced_by and (one.task_id, one.slot, one.generation) in displaced:
            by = split_allocation_id(one.displaced_by)[0]
            mine, theirs = cluster.tasks[one.task_id].spec, cluster.tasks[by].spec
            assert theirs.preempt and theirs.priority > mine.priority


def _only_forward(
    world: World,
    highest: dict[tuple[str, int], int],
    stamps: dict[AllocationId, tuple[int, int]],
) -> None:
    for allocation in world.core.cluster.allocations.values():
        slot = (allocation.task_id, allocation.slot)
        is_new = allocation.id not in stamps
        if is_new:
            assert allocation.generation > highest.get(slot, 0), "a fencing number was used twice"
            highest[slot] = allocation.generation
        observed = allocation.observed
        if not allocation.gone:
            stamp = (observed.restart, int(observed.phase))
            assert stamp >= stamps.get(allocation.id, (0, 0)), "an observation went back"
            stamps[allocation.id] = stamp
        else:
            stamps[allocation.id] = (9, 99)
