"""The columns of offers: as things stand, and as they would be with replicas of the batch ahead."""

from __future__ import annotations

import numpy as np

from cube.core.scheduler.offers import Offers
from cube.model.resources import Resources
from tests.builders import a_demand, a_stock, a_task, an_inventory

NODES = an_inventory(
    a_stock("w2", capacity=Resources(1_000, 900, 800), held=[a_task(name="web")], last_placed=7),
    a_stock("w1", capacity=Resources(2_000, 1_900, 1_800)),
)
DEMAND = a_demand(name="web", cpu_millis=100, memory_bytes=10)


def test_offers_of_all_nodes_are_in_the_order_of_the_rows() -> None:
    offers = Offers(NODES, DEMAND, NODES.rows())
    assert offers.numbers.tolist() == [0, 1]
    assert len(offers) == offers.nodes == 2
    assert offers.capacity.tolist() == [[1_000, 2_000], [900, 1_900], [800, 1_800]]
    assert [offers.cpu_capacity.tolist(), offers.memory_capacity.tolist()] == [
        [1_000, 2_000],
        [900, 1_900],
    ]
    assert offers.disk_capacity.tolist() == [800, 1_800]
    assert offers.free.tolist() == offers.capacity.tolist()
    assert offers.rank.tolist() == [1, 0]


def test_replicas_ahead_are_counted_as_placed() -> None:
    offers = Offers(NODES, DEMAND, np.array([0, 0, 1]), np.array([0, 2, 1]))
    assert offers.cpu_free.tolist() == offers.free[0].tolist() == [1_000, 800, 1_900]
    assert offers.memory_free.tolist() == offers.free[1].tolist() == [900, 880, 1_890]
    assert offers.disk_free.tolist() == offers.free[2].tolist() == [800, 800, 1_800]
    assert offers.count.tolist() == [1, 3, 1]
    assert offers.replicas is not None
    assert offers.replicas.tolist() == [1, 3, 1]
    newest_first = np.argsort(-offers.last_placed).tolist()
    assert newest_first == [1, 2, 0]
