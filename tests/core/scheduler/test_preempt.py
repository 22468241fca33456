"""Who has to go so that a replica fits: the fewest, the lowest, the youngest, and nobody without need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cube.core.scheduler.filters import refuse
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.preempt import Displacement, Occupants, Tenant, displace
from cube.core.scheduler.yielding import NO_PRIORITY, Yielding
from cube.model.allocation import Allocation
from cube.model.extras import Share
from cube.model.ids import NodeId
from cube.model.node import Availability
from cube.model.resources import Resources
from cube.model.spec import Port
from tests.builders import GIB, Stock, a_demand, a_node, a_stock, a_task, an_allocation, node_id


def tenant(name: str, priority: int = 10, node: str = "w1", **fields: Any) -> Tenant:
    """One replica of a task of that name on the node; `revision` and `devices` are the allocation's."""
    own = {key: fields.pop(key) for key in ("revision", "devices", "slot") if key in fields}
    return Tenant(an_allocation(a_task(name=name, **fields), a_node(node), **own), priority)


def ask(
    stocks: Iterable[Stock],
    tenants: Iterable[Tenant],
    leaving: Iterable[Allocation] = (),
    priority: int = 90,
    **demand: Any,
) -> Displacement | None:
    """Ask whom to displace; the tenants and what leaves are put on their nodes first."""
    inventory, yielding, there = _occupied(stocks, tenants, leaving)
    before = [column.copy() for column in (inventory.cpu_free, inventory.memory_free)]
    nobody = Occupants((), ())
    found = displace(
        a_demand(name="new", **demand),
        priority,
        inventory,
        yielding,
        lambda id: there.get(id, nobody),
    )
    assert [column.tolist() for column in (inventory.cpu_free, inventory.memory_free)] == [
        column.tolist() for column in before
    ]
    return found


def _occupied(
    stocks: Iterable[Stock], tenants: Iterable[Tenant], leaving: Iterable[Allocation]
) -> tuple[Inventory, Yielding, Mapping[NodeId, Occupants]]:
    inventory, yielding = Inventory(stock.node for stock in stocks), Yielding()
    there: dict[NodeId, Occupants] = {}
    everybody = [(one.allocation, one.priority) for one in tenants]
    everybody += [(one, NO_PRIORITY) for one in leaving]
    for one, priority in everybody:
        inventory.hold(*one.holding)
        yielding.add(inventory.row(one.node_id), priority, one.demand, 1)
        known = there.get(one.node_id, Occupants((), ()))
        if priority == NO_PRIORITY:
            there[one.node_id] = Occupants(known.tenants, (*known.leaving, one))
        else:
            there[one.node_id] = Occupants((*known.tenants, Tenant(one, priority)), known.leaving)
    return inventory, yielding, there


def victims(found: Displacement | None) -> set[str]:
    assert found is not None
    return {one.id for one in found.victims}


def test_one_large_tenant_goes_rather_than_two_small_ones() -> None:
    small = [tenant(name, 10, cpu_millis=1_000) for name in ("a", "b")]
    large = tenant("c", 40, cpu_millis=2_000)
    found = ask([a_stock()], [*small, large], cpu_millis=2_000)
    assert victims(found) == {large.allocation.id}


def test_of_equally_many_the_lowest_priority_goes_and_then_the_youngest() -> None:
    higher = tenant("a", 40, cpu_millis=2_000, revision=9)
    older, younger = (tenant(name, 10, cpu_millis=1_000, revision=at) for name, at in (("b", 1), ("c", 2)))  # fmt: skip
    assert victims(ask([a_stock()], [higher, older, younger], cpu_millis=1_000)) == {
        younger.allocation.id
    }


def test_the_node_with_fewer_victims_is_taken_and_then_the_one_with_lower_ones() -> None:
    two = [tenant(name, 10, "w1", cpu_millis=2_000) for name in ("a", "b")]
    one = tenant("c", 60, "w2", cpu_millis=4_000)
    lower = tenant("d", 50, "w3", cpu_millis=4_000)
    nodes = [a_stock(name) for name in ("w1", "w2", "w3")]
    found = ask(nodes, [*two, one, lower], cpu_millis=4_000)
    assert found and found.node_id == node_id("w3")
    assert found.awaits == (lower.allocation.id,)


def test_nobody_goes_where_room_becomes_free_anyway() -> None:
    going = an_allocation(a_task(name="old", cpu_millis=4_000), a_node("w2"))
    stays = tenant("a", 10, "w1", cpu_millis=4_000)
    found = ask([a_stock("w1"), a_stock("w2")], [stays], [going], cpu_millis=1_000)
    assert found == Displacement(node_id("w2"), (), (going.id,))


def test_what_leaves_is_counted_on_before_anybody_has_to_go() -> None:
    going = an_allocation(a_task(name="old", cpu_millis=2_000))
    one, other = (tenant(name, cpu_millis=1_000) for name in ("a", "b"))
    found = ask([a_stock()], [one, other], [going], cpu_millis=3_000)
    assert found and len(found.victims) == 1
    assert set(found.awaits) == {found.victims[0].id, going.id}


def test_replicas_of_one_task_stay_apart() -> None:
    own = an_allocation(a_task(name="new", cpu_millis=1_000), a_node("w1"))
    near, far = (tenant(name, 10, node, cpu_millis=3_500) for name, node in (("a", "w1"), ("b", "w2")))  # fmt: skip
    inventory, yielding, there = _occupied([a_stock("w1"), a_stock("w2")], [near, far], [])
    inventory.hold(*own.holding)
    found = displace(a_demand(name="new", cpu_millis=2_000), 90, inventory, yielding, there.__getitem__)  # fmt: skip
    assert found and found.node_id == node_id("w2")


def test_a_host_port_is_made_free_by_whoever_has_it() -> None:
    has_it = tenant("a", 40, ports=(Port(80, 8080),))
    beside = tenant("b", 10)
    found = ask([a_stock()], [has_it, beside], ports=(Port(80, 8080),))
    assert victims(found) == {has_it.allocation.id}


def test_a_device_is_made_free_and_given() -> None:
    holders = [
        tenant(name, 10, extras_millis={"gpu": 1_000}, devices=(Share("gpu", device, 1_000),))
        for device, name in enumerate(("a", "b"))
    ]
    found = ask([a_stock(extras={"gpu": 2})], holders, extras_millis={"gpu": 1_000})
    assert found and len(found.victims) == 1
    assert found.devices == found.victims[0].devices


def test_a_node_that_refuses_for_another_reason_is_left_alone() -> None:
    closed = a_stock("w1", availability=Availability.CORDONED)
    elsewhere = a_stock("w2", labels={"zone": "us"})
    full = [tenant(name, 10, node, cpu_millis=4_000) for name, node in (("a", "w1"), ("b", "w2"))]
    found = ask([closed, elsewhere], full, cpu_millis=1_000, constraints=("zone!=us",))
    assert found is None


def test_no_displacement_helps_what_is_larger_than_the_node() -> None:
    assert ask([a_stock()], [tenant("a", cpu_millis=4_000)], cpu_millis=5_000) is None


def test_of_very_many_tenants_as_few_as_needed_go() -> None:
    many = [tenant("a", 10, cpu_millis=10, slot=slot, revision=slot) for slot in range(1, 401)]
    found = ask([a_stock()], many, cpu_millis=95)
    assert found and [one.slot for one in found.victims] == list(range(391, 401))


sizes = st.sampled_from((0, 500, 1_000, 1_500))
tenants = st.lists(
    st.tuples(st.integers(1, 100), sizes, sizes, st.sampled_from(("w1", "w2", "w3"))), max_size=9
)


@settings(max_examples=300, deadline=None)
@given(tenants, sizes, sizes, st.integers(1, 100))
def test_victims_are_lower_of_one_node_enough_and_all_needed(
    drawn: list[tuple[int, int, int, str]], cpu: int, memory: int, priority: int
) -> None:
    capacity = Resources(cpu_millis=2_000, memory_bytes=2 * GIB)
    stocks = [a_stock(name, capacity=capacity) for name in ("w1", "w2", "w3")]
    everybody = [
        tenant(f"t{number}", rank, node, cpu_millis=cpu, memory_bytes=mem * GIB // 1_000)
        for number, (rank, cpu, mem, node) in enumerate(drawn)
    ]
    inventory, yielding, _ = _occupied(stocks, everybody, [])
    there = {
        stock.node.id: Occupants(
            tuple(
                one
                for one in everybody
                if one.allocation.node_id == stock.node.id and one.priority < priority
            ),
            (),
        )
        for stock in stocks
    }
    demand = a_demand(name="new", cpu_millis=cpu, memory_bytes=memory * GIB // 1_000)
    found = displace(demand, priority, inventory, yielding, there.__getitem__)

    def fits_without(gone: Iterable[Allocation], node: NodeId) -> bool:
        for one in gone:
            inventory.let_go(*one.holding)
        fits = refuse(inventory, inventory.row(node), demand) is None
        for one in gone:
            inventory.hold(*one.holding)
        return fits

    if found is None:
        for id, occupants in there.items():
            assert not fits_without([one.allocation for one in occupants.tenants], id)
        return
    lower = {one.allocation.id for one in there[found.node_id].tenants}
    assert {one.id for one in found.victims} <= lower
    assert fits_without(found.victims, found.node_id)
    for one in found.victims:
        others = [other for other in found.victims if other is not one]
        assert not fits_without(others, found.node_id), "it goes without need"
