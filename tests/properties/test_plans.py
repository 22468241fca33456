"""A plan changes nothing, and what it foretells is what happens."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from cube.core.inputs import Apply
from cube.core.invariants import violations
from cube.core.plan import Action, Draft, Plan, draft, plan
from cube.core.roster import Standing
from cube.core.scheduler.inventory import Inventory
from cube.model.ids import NodeId
from cube.model.resources import Resources
from cube.model.spec import Port
from tests.builders import GIB, a_spec, task_id
from tests.world import World

SPECS = st.fixed_dictionaries(
    {
        "replicas": st.integers(0, 5),
        "memory_bytes": st.integers(0, 3).map(lambda gib: gib * GIB),
        "image": st.sampled_from(["busybox:1", "busybox:2"]),
        "max_per_node": st.integers(0, 2),
        "strategy": st.sampled_from(["", "binpack", "round-robin", "epvm"]),
        "ports": st.sampled_from([(), (Port(80, host_port=8080),)]),
    }
)
SIZES = st.lists(st.integers(1, 5), min_size=0, max_size=4)


def a_world(sizes: list[int], other: dict[str, Any], before: dict[str, Any] | None) -> World:
    world = World()
    for number, gib in enumerate(sizes, start=1):
        world.join(f"w{number}", capacity=Resources(4_000, gib * GIB, 0))
    world.submit("other", **other)
    if before is not None:
        world.submit("web", **before)
    run(world)
    return world


def run(world: World) -> None:
    world.run_all(*(node.name for node in world.core.cluster.nodes.values()))


def made(world: World, after: dict[str, Any]) -> Plan:
    wish = Apply(task_id("web"), a_spec(name="web", **after))
    found = draft(world.core.cluster, wish, strategy="spread", now=world.now)
    assert isinstance(found, Draft)
    return plan(found.excerpt, found.before)


def everything(inventory: Inventory) -> object:
    names = [name for name in Inventory.__annotations__ if name != "open"]
    columns = [getattr(inventory, name).tolist() for name in names]
    rows = range(len(inventory.ids))
    held = [(inventory.tasks_on(row), inventory.ports_on(row)) for row in rows]
    return columns, held, [inventory.devices_on(row) for row in rows]


@given(SIZES, SPECS, st.none() | SPECS, SPECS)
def test_planning_leaves_everything_as_it_was(
    sizes: list[int], other: dict[str, Any], before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    world = a_world(sizes, other, before)
    cluster = world.core.cluster
    picture, revision, tasks = everything(cluster.inventory), cluster.revision, dict(cluster.tasks)
    made(world, after)

    assert everything(cluster.inventory) == picture
    assert (cluster.revision, cluster.tasks) == (revision, tasks)
    assert not cluster.take_writes()
    assert violations(cluster) == []


def a_web(**fields: Any) -> dict[str, Any]:
    return {"replicas": 1, "memory_bytes": 0, "image": "busybox:1", **fields}


@given(SIZES, SPECS, st.none() | SPECS, SPECS)
@example([3], a_web(replicas=0), a_web(memory_bytes=3 * GIB), a_web(replicas=2, memory_bytes=GIB))
def test_what_is_foretold_is_what_happens(
    sizes: list[int], other: dict[str, Any], before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    world = a_world(sizes, other, before)
    foretold = made(world, after)
    # Whether a container is gone before another one's successor is placed, only the workers know.
    actions = {one.action for one in foretold.slots}
    assume(not {Action.REMOVE, Action.REPLACE} <= actions)
    world.tell(Apply(task_id("web"), a_spec(name="web", **after)))
    run(world)
    slots = world.core.cluster.slots(task_id("web"))
    there: dict[int, NodeId | None] = {
        number: slot.latest.node_id if slot.latest and slot.standing is Standing.READY else None
        for number, slot in slots.items()
        if slot.standing is not Standing.UNWANTED
    }
    expected = {
        one.number: one.before if one.action is Action.HOLD else one.after
        for one in foretold.slots
        if one.action is not Action.REMOVE
    }
    assert there == expected
