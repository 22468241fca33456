"""Which devices a replica gets, and how many replicas find theirs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.core.scheduler.devices import Devices, after, choose, missing, room
from cube.core.scheduler.place import place
from cube.core.scheduler.strategies import STRATEGIES
from cube.model.extras import Share
from tests.builders import a_demand, a_stock, a_task, an_inventory, node_id

SPREAD = STRATEGIES["spread"]


@pytest.mark.parametrize(
    ("free", "millis", "chosen"),
    [
        ([1000, 1000], 500, (0,)),
        ([1000, 600, 500], 500, (2,)),  # the fullest that fits keeps the others whole
        ([400, 600, 600], 500, (1,)),
        ([900, 1000, 1000, 1000], 2000, (1, 2)),
        ([500, 1000], 1000, (1,)),
    ],
)
def test_a_part_is_taken_where_least_is_left_and_whole_ones_where_nobody_is(
    free: list[int], millis: int, chosen: tuple[int, ...]
) -> None:
    assert choose(free, millis) == chosen


def test_what_is_missing_of_a_part_is_measured_on_the_emptiest_device() -> None:
    free = np.array([[300, 400], [0, 0], [1000, 0]])
    assert missing(free, 500).tolist() == [100, 500, 0]
    assert missing(free, 2000).tolist() == [2000, 2000, 1000]


@given(
    st.lists(st.integers(0, 10).map(lambda tenth: tenth * 100), min_size=1, max_size=5),
    st.sampled_from([100, 300, 500, 700, 1000, 2000]),
)
def test_what_any_number_of_replicas_leaves_is_what_they_leave_one_by_one(
    devices: list[int], millis: int
) -> None:
    start = np.array([devices])
    fits = int(room(start, millis)[0])
    left = list(devices)
    for ahead in range(fits + 1):
        assert after(start, millis, np.array([ahead])).tolist() == [left]
        assert (missing(np.array([left]), millis)[0] == 0) == (ahead < fits)
        for device in choose(left, millis) if ahead < fits else ():
            left[device] -= min(millis, 1000)


def test_devices_beyond_those_a_node_still_has_are_not_free() -> None:
    devices = Devices(2)
    devices.fit(2, 3)
    devices.count[:] = [3, 1]
    devices.held[0, 2] = 400
    assert devices.free(slice(0, 2)).tolist() == [[1000, 1000, 600], [1000, 0, 0]]
    devices.count[0] = 2
    assert devices.free(slice(0, 1)).tolist() == [[1000, 1000, 0]]


def test_a_batch_says_which_replica_gets_which_device() -> None:
    nodes = an_inventory(a_stock("w1", extras={"gpu": 2}))
    placement = place(a_demand(extras_millis={"gpu": 500}), 3, nodes, SPREAD)
    assert placement.nodes == (node_id("w1"),) * 3
    assert placement.devices == (
        (Share("gpu", 0, 500),),
        (Share("gpu", 0, 500),),
        (Share("gpu", 1, 500),),
    )


def test_a_task_that_lacks_devices_says_how_many_and_where_fewest_are_missing() -> None:
    trainer = a_task(name="trainer", extras_millis={"gpu": 3000})
    nodes = an_inventory(
        a_stock("w1", extras={"gpu": 4}, held=[trainer]), a_stock("w2"), a_stock("w3")
    )
    refusal = place(a_demand(extras_millis={"gpu": 2000}), 1, nodes, SPREAD).refusal
    assert refusal is not None
    assert refusal.sentence() == "no node fits: 3 lack gpu (nearest w1, 1 gpu short; w2, w3)"
    assert refusal.codes() == ("extras",)
    assert refusal.groups[0].named[0].extras_short == (("gpu", 1000),)


def test_a_node_that_claims_absurdly_many_devices_is_not_believed() -> None:
    nodes = an_inventory(a_stock("w1", extras={"gpu": 10**9, "tpu": -3}))
    assert nodes.devices_free("gpu", slice(0, 1)).shape == (1, 64)
    assert nodes.devices_free("tpu", slice(0, 1)).sum() == 0


def test_a_forgotten_node_leaves_no_devices_behind() -> None:
    web = a_task(extras_millis={"gpu": 500})
    nodes = an_inventory(a_stock("w1", extras={"gpu": 1}, held=[web]))
    assert nodes.devices_on(0) == {("gpu", 0): 500}
    nodes.drop(node_id("w1"))
    assert nodes.devices_on(0) == {}
    assert nodes.devices_free("gpu", slice(0, 1)).tolist() == [[0]]
