"""Every node's verdict, why one was chosen, and what would help where none was."""

from __future__ import annotations

from typing import Any

import pytest

from cube.core.scheduler.explain import Explanation, Score, explain
from cube.core.scheduler.strategies import STRATEGIES
from cube.model.node import Availability, Condition
from cube.model.policy import Policy
from cube.model.resources import Resources
from cube.model.spec import Device, Mount, Network, Port, Preference, Spread
from tests.builders import GIB, MIB, Stock, a_demand, a_stock, a_task, an_inventory, node_id

BINPACK = STRATEGIES["binpack"]


def explained(*stocks: Stock, **asked: Any) -> Explanation:
    return explain(a_demand(**asked), an_inventory(*stocks), BINPACK)


def helps(*stocks: Stock, **asked: Any) -> list[str]:
    return [remedy.message for remedy in explained(*stocks, **asked).remedies]


def small(name: str, memory_bytes: int, **fields: Any) -> Stock:
    return a_stock(name, capacity=Resources(4_000, memory_bytes, 0), **fields)


def test_every_node_is_told_in_the_order_of_choice_and_then_of_nearness() -> None:
    found = explained(
        a_stock("w1", condition=Condition.LOST),
        small("w2", GIB // 2),
        small("w3", 4 * GIB),
        small("w4", 2 * GIB),
        small("w5", GIB - MIB),
        memory_bytes=GIB,
    )
    assert [verdict.node_name for verdict in found.verdicts] == ["w4", "w3", "w5", "w2", "w1"]
    assert [verdict.place for verdict in found.verdicts] == [1, 2, 0, 0, 0]
    assert found.chosen == node_id("w4")
    assert found.why_chosen == "w4 before w3: free share 0.5 against 0.75"
    assert found.verdicts[0].scores[0] == Score("free share", 0.5)
    assert found.nearest is None
    assert found.remedies == ()


def test_the_terms_are_named_in_the_order_in_which_they_decide() -> None:
    web = a_task(name="web")
    found = explained(
        a_stock("w1", held=[web], labels={"zone": "a"}),
        a_stock("w2", labels={"zone": "b"}),
        spec=web.spec,
        cpu_millis=100,
        spread=(Spread("zone"),),
        prefer=(Preference("zone==a"),),
    )
    terms = [score.term for score in found.verdicts[0].scores]
    assert terms == ["spread", "replicas", "preferences", "free share", "allocations", "name"]
    assert found.why_chosen == "w2 before w1: spread 0 against 50"


def test_equals_and_the_only_one_are_told_as_such() -> None:
    assert explained(a_stock("w2"), a_stock("w1")).why_chosen == (
        "w1 and w2 are equal; the smaller name decides"
    )
    assert explained(a_stock("w1")).why_chosen == "w1 is the only node that fits"


def test_the_nearest_miss_is_the_one_that_came_furthest_and_lacks_least() -> None:
    found = explained(
        a_stock("w1", condition=Condition.LOST),
        small("w2", GIB - 300 * MIB),
        small("w3", GIB - 212 * MIB),
        a_stock("w4", availability=Availability.CORDONED),
        memory_bytes=GIB,
    )
    assert found.nearest is not None
    assert (found.nearest.node_name, found.nearest.message) == ("w3", "212 MiB memory short")
    assert found.chosen is None
    assert [verdict.node_name for verdict in found.verdicts] == ["w3", "w2", "w4", "w1"]


def test_without_nodes_there_is_nothing_to_tell() -> None:
    assert explained() == Explanation(verdicts=())


HELD = a_task(name="db", memory_bytes=GIB)


def test_a_node_that_has_the_image_says_so() -> None:
    inventory = an_inventory(a_stock("w1"), a_stock("w2", images=("busybox:latest",)))
    found = explain(a_demand(cpu_millis=100), inventory, STRATEGIES["fit"])
    assert found.why_chosen == "w2 before w1: it has the image, and the other would pull it"
    assert [score.term for score in found.verdicts[0].scores] == [
        "stranding",
        "free share in steps",
        "image",
        "free share",
        "name",
    ]


@pytest.mark.parametrize(
    ("stocks", "asked", "remedies"),
    [
        (
            [small("w1", 2 * GIB, held=[HELD]), small("w2", GIB)],
            {"memory_bytes": 2 * GIB},
            ["free 1 GiB memory on w1", "ask for at most 1 GiB memory"],
        ),
        (
            [small("w1", 300 * MIB + 5)],
            {"memory_bytes": GIB},
            ["ask for at most 300 MiB memory"],  # no room to free on a machine so small
        ),
        ([a_stock("w1")], {"cpu_millis": 9_000}, ["ask for at most 4 cores"]),
        (
            [a_stock("w1", labels={"zone": "eu-2"}), a_stock("w2", labels={"zone": "us"})],
            {"constraints": ("zone==eu-1", "zone")},
            ["remove constraint zone==eu-1: 2 nodes would take it"],
        ),
        (
            [a_stock("w1")],
            {"platform": "linux/arm64"},
            ["remove platform linux/arm64: 1 node would take it"],
        ),
        (
            [a_stock("w1", held=[a_task(name="web")])],
            {"name": "web", "max_per_node": 1},
            ["raise max_per_node above 1: 1 node would take it"],
        ),
        (
            [a_stock("w1", held=[a_task(name="proxy", ports=(Port(80, 80),))])],
            {"ports": (Port(8080, 80),)},
            ["let the engine choose the host ports: 1 node would take it"],
        ),
        (
            [a_stock("w1", availability=Availability.CORDONED)],
            {},
            ["open w1 again: cube node uncordon w1"],
        ),
        ([small("w1", GIB, availability=Availability.CORDONED)], {"memory_bytes": 2 * GIB}, []),
        (
            [a_stock("w1")],
            {"avoid": {node_id("w1"): "it failed there"}},
            ["wait: w1 is avoided only for a while"],
        ),
        ([a_stock("w1", condition=Condition.LOST)], {}, []),
        (
            [a_stock("w1", extras={"gpu": 2}, held=[a_task(extras_millis={"gpu": 400})])],
            {"extras_millis": {"gpu": 2000}},
            ["free 1 gpu on w1", "ask for at most 1 gpu"],
        ),
        (
            [a_stock("w1", extras={"gpu": 1}, held=[a_task(extras_millis={"gpu": 700})])],
            {"extras_millis": {"gpu": 500}},
            ["free 0.2 gpu on w1", "ask for at most 0.3 gpu"],
        ),
        (
            [
                small("w1", 2 * GIB, held=[HELD], extras={"gpu": 1}),
                small("w2", 4 * GIB, extras={"gpu": 1}, held=[a_task(extras_millis={"gpu": 900})]),
            ],
            {"memory_bytes": 2 * GIB, "extras_millis": {"gpu": 500}},
            [
                "free 1 GiB memory on w1",
                "ask for at most 1 GiB memory",
                "ask for at most 0.1 gpu",
            ],
        ),
        (
            [a_stock("w1")],
            {"privileged": True},
            [
                "do without privileged: 1 node would take it",
                "allow privileged in the policy of w1, and start its worker again",
            ],
        ),
        (
            [a_stock("w1")],
            {"network": Network.HOST},
            [
                "do without network: host: 1 node would take it",
                "allow network: host in the policy of w1, and start its worker again",
            ],
        ),
        (
            [a_stock("w1", policy=Policy(devices=("/dev/kvm",)))],
            {"devices": (Device("/dev/kvm"), Device("/dev/fuse"))},
            [
                "do without device /dev/fuse: 1 node would take it",
                "allow device /dev/fuse in the policy of w1, and start its worker again",
            ],
        ),
        (
            [a_stock("w1")],
            {"mounts": (Mount("data", "/data"),)},
            [
                "do without mount data: 1 node would take it",
                "allow mount data in the policy of w1, and start its worker again",
            ],
        ),
        (
            [small("w1", GIB)],  # allowing it would not be enough
            {"privileged": True, "memory_bytes": 2 * GIB},
            [],
        ),
        ([a_stock("w1")], {"extras_millis": {"gpu": 500}}, []),
        ([a_stock("w1")], {"cpu_millis": 9_000, "constraints": ("zone==a",)}, []),
    ],
)
def test_a_remedy_is_one_change_that_is_enough(
    stocks: list[Stock], asked: dict[str, Any], remedies: list[str]
) -> None:
    assert helps(*stocks, **asked) == remedies


def test_remedies_are_few() -> None:
    nodes = [a_stock(f"w{n}", availability=Availability.CORDONED) for n in range(9)]
    assert len(helps(*nodes)) == 5
