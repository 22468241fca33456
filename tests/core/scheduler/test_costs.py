"""What a task would rather have: replicas spread over labels, and nodes it likes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cube.core.scheduler.place import place
from cube.core.scheduler.strategies import STRATEGIES
from cube.model.resources import Resources
from cube.model.spec import Preference, Spread
from tests.builders import GIB, Stock, a_demand, a_stock, a_task, an_inventory

BINPACK = STRATEGIES["binpack"]
every_strategy = pytest.mark.parametrize("strategy", sorted(STRATEGIES))


def put(*stocks: Stock, count: int = 1, **asked: Any) -> list[str]:
    """Return the names of the nodes that replicas of the task go to."""
    inventory = an_inventory(*stocks)
    nodes = place(a_demand(**asked), count, inventory, BINPACK).nodes
    return [inventory.nodes[node_id].name for node_id in nodes]


def zoned(**zones: str) -> list[Stock]:
    return [a_stock(name, labels={"zone": zone}) for name, zone in zones.items()]


def test_replicas_are_spread_over_the_values_of_a_label_however_many_nodes_each_has() -> None:
    nodes = zoned(a1="a", a2="a", a3="a", b1="b")
    assert put(*nodes, count=6, spread=(Spread("zone"),)) == ["a1", "b1", "a2", "b1", "a3", "b1"]
    assert Counter(put(*nodes, count=6)) == {"a1": 2, "a2": 2, "a3": 1, "b1": 1}


def test_replicas_that_are_there_already_count() -> None:
    web = a_task(name="web")
    nodes = [a_stock("a1", labels={"zone": "a"}, held=[web, web]), *zoned(b1="b")]
    assert put(*nodes, count=3, spec=web.spec, spread=(Spread("zone"),)) == ["b1", "b1", "a1"]


def test_spreading_is_a_wish_and_not_a_demand() -> None:
    nodes = [*zoned(a1="a"), a_stock("b1", labels={"zone": "b"}, capacity=Resources(100, 0, 0))]
    assert put(*nodes, count=3, cpu_millis=100, spread=(Spread("zone"),)) == ["b1", "a1", "a1"]


def test_a_node_without_the_label_is_taken_when_no_other_fits() -> None:
    nodes = [a_stock("w1"), a_stock("w2", labels={"zone": "a"}, capacity=Resources(200, 0, 0))]
    assert put(*nodes, count=3, cpu_millis=100, spread=(Spread("zone"),)) == ["w2", "w2", "w1"]


def test_the_heavier_of_two_spreads_decides_where_both_cannot_be_had() -> None:
    web = a_task(name="web")
    nodes = [
        a_stock("w1", labels={"zone": "a", "rack": "1"}, held=[web]),
        a_stock("w2", labels={"zone": "a", "rack": "2"}),
        a_stock("w3", labels={"zone": "b", "rack": "1"}),
    ]
    heavy = (Spread("zone", 20), Spread("rack", 80))
    assert put(*nodes, spec=web.spec, spread=heavy) == ["w2"]
    assert put(*nodes, spec=web.spec, spread=(Spread("zone", 80), Spread("rack", 20))) == ["w3"]


def test_a_preference_comes_before_the_strategy_and_after_keeping_replicas_apart() -> None:
    web = a_task(name="web")
    ssd = (Preference("disk==ssd"),)
    crowded = a_stock("w1", held=[a_task(name="db", memory_bytes=6 * GIB)])
    fast = a_stock("w2", labels={"disk": "ssd"})
    assert put(crowded, fast, memory_bytes=GIB) == ["w1"]
    assert put(crowded, fast, memory_bytes=GIB, prefer=ssd) == ["w2"]
    holding = a_stock("w2", labels={"disk": "ssd"}, held=[web])
    assert put(crowded, holding, spec=web.spec, prefer=ssd) == ["w1"]


def test_a_negative_weight_keeps_away_and_weights_add_up() -> None:
    nodes = [
        a_stock("w1", labels={"disk": "ssd"}),
        a_stock("w2", labels={"disk": "ssd", "old": "yes"}),
        a_stock("w3"),
    ]
    fast = Preference("disk==ssd", weight=40)
    assert put(*nodes, prefer=(Preference("disk==ssd", weight=-1),)) == ["w3"]
    assert put(*nodes[1:], prefer=(fast, Preference("old", weight=-30))) == ["w2"]
    assert put(*nodes[1:], prefer=(fast, Preference("old", weight=-50))) == ["w3"]


def test_a_task_goes_near_another_one() -> None:
    nodes = [a_stock("w1"), a_stock("w2", held=[a_task(name="db")]), a_stock("w3")]
    assert put(*nodes, prefer=(Preference(near="db"),)) == ["w2"]
    assert put(*nodes, prefer=(Preference(near="db", weight=-10),)) == ["w1"]
    assert put(*nodes, prefer=(Preference(near="cache"),)) == put(*nodes)


HERE = ("other:1", "busybox:latest")


def put_by(strategy: str, *stocks: Stock, count: int = 1, **asked: Any) -> list[str]:
    """Return the names of the nodes that replicas of the task go to under that strategy."""
    inventory = an_inventory(*stocks)
    nodes = place(a_demand(**asked), count, inventory, STRATEGIES[strategy]).nodes
    return [inventory.nodes[node_id].name for node_id in nodes]


def three(*having: str, **held: int) -> list[Stock]:
    """Return w1, w2 and w3, each with a task on it that holds so many millicores; those named have the image."""
    return [
        a_stock(
            name,
            held=[a_task(name=f"on-{name}", cpu_millis=held.get(name, 0))],
            images=HERE if name in having else (),
        )
        for name in ("w1", "w2", "w3")
    ]


@every_strategy
@pytest.mark.parametrize("asked", [{}, {"cpu_millis": 500}], ids=["nothing", "cpu"])
def test_of_equal_nodes_the_one_that_has_the_image_is_taken(
    strategy: str, asked: dict[str, int]
) -> None:
    assert put_by(strategy, *three("w2"), **asked) == ["w2"]


@pytest.mark.parametrize("strategy", ["fit", "binpack", "spread"])
def test_a_little_room_is_given_up_for_a_pull_that_is_saved(strategy: str) -> None:
    best = "w3" if strategy == "spread" else "w1"
    near, far = {"w1": 420, "w2": 410, "w3": 400}, {"w1": 3_000, "w2": 1_500, "w3": 0}
    assert put_by(strategy, *three(**near), cpu_millis=500) == [best]
    assert put_by(strategy, *three("w2", **near), cpu_millis=500) == ["w2"]
    assert put_by(strategy, *three("w2", **far), cpu_millis=500) == [best]


def test_replicas_stay_apart_and_preferences_are_met_whoever_has_the_image() -> None:
    assert sorted(put_by("fit", *three("w2"), count=3)) == ["w1", "w2", "w3"]
    fast = [*three("w2")[:2], a_stock("w3", labels={"disk": "ssd"})]
    assert put_by("fit", *fast, prefer=(Preference("disk==ssd"),)) == ["w3"]
    crowded = a_stock("a1", labels={"zone": "a"}, held=[a_task()], images=HERE)
    assert put_by("fit", crowded, *zoned(b1="b"), spread=(Spread("zone"),)) == ["b1"]


@pytest.mark.parametrize("images", [(), HERE], ids=["none", "all"])
def test_an_image_that_all_have_or_none_has_decides_nothing(images: tuple[str, ...]) -> None:
    full = a_stock("w1", held=[a_task(name="db", memory_bytes=4 * GIB)], images=images)
    assert put_by("fit", full, a_stock("w2", images=images), memory_bytes=GIB) == ["w1"]


def test_why_a_node_was_chosen_names_the_image() -> None:
    placed = place(a_demand(), 1, an_inventory(*three("w2")), STRATEGIES["fit"])
    assert placed.why == "has the image, of 3 that fit"
