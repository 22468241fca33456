"""What placing promises for every cluster, every task and every strategy."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.core.scheduler.candidate import Candidate
from cube.core.scheduler.place import Demand, Placement, place, why_not
from cube.core.scheduler.strategies import STRATEGIES, Strategy
from cube.model.ids import NodeId
from cube.model.node import Availability, Condition
from cube.model.resources import NOTHING, Resources
from cube.model.spec import Port
from cube.model.task import Task
from tests.builders import a_candidate, a_demand, a_task, node_id

pytestmark = pytest.mark.slow

# Small amounts and few names, so that nodes run full, ports clash and costs tie.
Cluster = dict[NodeId, Candidate]
NAMES = ("w1", "w2", "w3", "w4", "w5")
amounts = st.integers(0, 4)
strategies = st.sampled_from(list(STRATEGIES.values()))
mostly_good = st.sampled_from([True, True, True, False])


@st.composite
def specs(draw: st.DrawFn) -> dict[str, object]:
    """The fields of a task: what it asks of a node."""
    host_ports = draw(st.sets(st.sampled_from([80, 443]), max_size=2))
    return {
        "name": draw(st.sampled_from(["web", "db", "batch"])),
        "cpu_millis": draw(amounts),
        "memory_bytes": draw(amounts),
        "disk_bytes": draw(amounts),
        "ports": tuple(Port(port, host_port=port) for port in sorted(host_ports)),
        "constraints": draw(st.sampled_from([(), (), ("zone==a",), ("zone!=a",)])),
        "max_per_node": draw(st.sampled_from([0, 0, 1, 2])),
    }


@st.composite
def candidates(draw: st.DrawFn, name: str) -> Candidate:
    """One node with something on it; it may be overfull, as after its machine shrank."""
    held: list[Task] = [a_task(**spec) for spec in draw(st.lists(specs(), max_size=3))]
    capacity = st.builds(Resources, st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
    return a_candidate(
        name,
        held=held,
        last_placed=draw(st.integers(0, 9)),
        capacity=draw(capacity),
        labels=draw(st.sampled_from([{}, {"zone": "a"}, {"zone": "b"}])),
        condition=Condition.READY if draw(mostly_good) else draw(st.sampled_from(Condition)),
        availability=(
            Availability.ACTIVE if draw(mostly_good) else draw(st.sampled_from(Availability))
        ),
        runtime_error="" if draw(mostly_good) else "docker does not answer",
    )


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """A few nodes by id."""
    names = draw(st.sets(st.sampled_from(NAMES)))
    found = [draw(candidates(name)) for name in sorted(names)]
    return {candidate.id: candidate for candidate in found}


@st.composite
def demands(draw: st.DrawFn) -> Demand:
    """What one replica asks for; sometimes it avoids a node."""
    avoid = {} if draw(mostly_good) else {node_id(draw(st.sampled_from(NAMES))): "it failed there"}
    return a_demand(avoid, **draw(specs()))


counts = st.integers(0, 12)


def record(cluster: Cluster, demand: Demand, placement: Placement, revision: int = 100) -> None:
    """Do what the cluster's state does with a placement."""
    for number, chosen in enumerate(placement.nodes):
        cluster[chosen].hold(demand.task_id, demand.resources, demand.host_ports)
        cluster[chosen].last_placed = revision + number


def copied(cluster: Cluster) -> Cluster:
    return {key: candidate.copy() for key, candidate in cluster.items()}


@given(clusters(), demands(), counts, strategies)
def test_a_batch_goes_where_one_by_one_goes(
    cluster: Cluster, demand: Demand, count: int, strategy: Strategy
) -> None:
    batch = place(demand, count, cluster, strategy)

    alone: list[NodeId] = []
    step = copied(cluster)
    while len(alone) < count and (one := place(demand, 1, step, strategy)).nodes:
        record(step, demand, one, revision=100 + len(alone))
        alone += one.nodes

    assert batch.nodes == tuple(alone)


@given(clusters(), demands(), counts, strategies)
def test_only_ready_nodes_are_chosen_and_none_is_over_committed(
    cluster: Cluster, demand: Demand, count: int, strategy: Strategy
) -> None:
    placement = place(demand, count, cluster, strategy)
    record(cluster, demand, placement)

    for chosen in set(placement.nodes):
        candidate = cluster[chosen]
        node = candidate.node
        assert node.condition is Condition.READY
        assert node.availability is Availability.ACTIVE
        assert not node.runtime_error
        assert chosen not in demand.avoid
        assert all(constraint.holds(node) for constraint in demand.constraints)
        if demand.max_per_node:
            assert candidate.tasks[demand.task_id] <= demand.max_per_node
        assert all(candidate.ports[port] == 1 for port in demand.host_ports)
        free, asked = candidate.free, demand.resources
        assert not asked.cpu_millis or free.cpu_millis >= 0
        assert not asked.memory_bytes or free.memory_bytes >= 0
        assert not asked.disk_bytes or free.disk_bytes >= 0


@given(clusters(), demands(), counts, strategies, st.integers())
def test_the_order_of_nodes_in_memory_decides_nothing(
    cluster: Cluster, demand: Demand, count: int, strategy: Strategy, seed: int
) -> None:
    shuffled = list(cluster.items())
    Random(seed).shuffle(shuffled)

    assert place(demand, count, dict(shuffled), strategy) == place(demand, count, cluster, strategy)


@given(clusters(), demands(), counts, strategies)
def test_replicas_are_missing_only_where_every_node_refuses(
    cluster: Cluster, demand: Demand, count: int, strategy: Strategy
) -> None:
    placement = place(demand, count, cluster, strategy)
    assert (placement.refusal is None) == (len(placement.nodes) == count)
    if placement.refusal is None:
        return

    refused = [refusal.node_id for refusal in placement.refusal.refusals]
    assert sorted(refused) == sorted(cluster)
    record(cluster, demand, placement)
    assert why_not(demand, cluster) == placement.refusal


@given(clusters(), demands(), counts, strategies, st.sets(st.sampled_from(NAMES)))
def test_restricting_to_nodes_is_placing_in_a_cluster_of_these(
    cluster: Cluster, demand: Demand, count: int, strategy: Strategy, names: set[str]
) -> None:
    only = {node_id(name) for name in names}
    # The size of the cluster is part of a cost, so the others are there and refuse.
    others_lost = {
        key: candidate
        if key in only
        else a_candidate(candidate.node.name, condition=Condition.LOST)
        for key, candidate in cluster.items()
    }
    restricted = place(demand, count, cluster, strategy, only=only)
    assert restricted.nodes == place(demand, count, others_lost, strategy).nodes


@given(clusters(), demands(), strategies)
def test_what_was_held_can_be_let_go_to_the_same_placement(
    cluster: Cluster, demand: Demand, strategy: Strategy
) -> None:
    before = place(demand, 3, cluster, strategy)
    for candidate in cluster.values():
        candidate.hold(demand.task_id, Resources(1, 1, 1), demand.host_ports)
        candidate.let_go(demand.task_id, Resources(1, 1, 1), demand.host_ports)
    assert place(demand, 3, cluster, strategy) == before


@given(clusters(), strategies, counts)
def test_what_asks_for_nothing_goes_to_any_ready_node(
    cluster: Cluster, strategy: Strategy, count: int
) -> None:
    demand = a_demand(name="idle")
    assert demand.resources == NOTHING
    ready = [
        key
        for key, candidate in cluster.items()
        if candidate.node.condition is Condition.READY
        and candidate.node.availability is Availability.ACTIVE
        and not candidate.node.runtime_error
    ]
    placement = place(demand, count, cluster, strategy)
    assert len(placement.nodes) == (count if ready else 0)
    assert set(placement.nodes) <= set(ready)
