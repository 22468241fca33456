"""The line that tells why a replica waits."""

from __future__ import annotations

import re
from typing import Any

from cube.core.scheduler.place import why_not
from cube.core.scheduler.refusals import Unplaceable, no_victim
from cube.model.node import Availability, Condition
from cube.model.resources import Resources
from cube.model.spec import Port
from tests.builders import GIB, MIB, Stock, a_demand, a_stock, a_task, an_inventory, node_id


def unplaceable(*stocks: Stock, **asked: Any) -> Unplaceable:
    found = why_not(a_demand(**asked), an_inventory(*stocks))
    assert found is not None
    return found


def small(name: str, memory_bytes: int) -> Stock:
    return a_stock(name, capacity=Resources(4_000, memory_bytes, 0))


def test_without_workers_the_remedy_is_told() -> None:
    assert unplaceable().sentence() == ("no workers have joined; start one with: cube worker start")


def test_reasons_are_counted_and_the_nearest_miss_is_named_first() -> None:
    drained = a_stock("w2", availability=Availability.DRAINING)
    found = unplaceable(
        drained, small("w4", GIB - GIB), small("w1", GIB - 212 * MIB), memory_bytes=GIB
    )
    assert found.sentence() == (
        "no node fits: 2 lack memory (nearest w1, 212 MiB short; w4), 1 is draining (w2)"
    )


def test_up_to_five_nodes_are_named_and_more_are_counted() -> None:
    lost = [a_stock(f"w{n}", condition=Condition.LOST) for n in range(1, 7)]

    assert unplaceable(*lost[:5]).sentence() == "no node fits: 5 are lost (w1, w2, w3, w4, w5)"
    assert unplaceable(*lost).sentence() == "no node fits: 6 are lost"


def test_of_many_small_nodes_the_nearest_is_still_named() -> None:
    nodes = [small(f"w{n}", n * MIB) for n in range(1, 8)]
    assert unplaceable(*nodes, memory_bytes=10 * MIB).sentence() == (
        "no node fits: 7 lack memory (nearest w7, 3 MiB short)"
    )


def test_one_node_that_is_too_small_needs_no_comparison() -> None:
    assert unplaceable(small("w1", GIB), cpu_millis=5_000).sentence() == (
        "no node fits: 1 lacks cpu (w1, 1 core short)"
    )


def test_nodes_that_lack_several_resources_form_a_group_of_their_own() -> None:
    found = unplaceable(
        small("w1", GIB),
        a_stock("w2", capacity=Resources(500, 3 * GIB, 0)),
        cpu_millis=1_000,
        memory_bytes=4 * GIB,
    )
    assert found.sentence() == (
        "no node fits: 1 lacks cpu and memory (w2, 0.5 cores and 1 GiB memory short), "
        "1 lacks memory (w1, 3 GiB short)"
    )


def test_constraints_ports_and_limits_name_what_they_are_about() -> None:
    web = a_task(name="web")
    proxy = a_task(name="proxy", ports=(Port(80, host_port=8080),))
    eu = {"zone": "eu-1"}
    found = unplaceable(
        a_stock("w1"),
        a_stock("w2", labels={"zone": "us"}),
        a_stock("w3", held=[web, web], labels=eu),
        a_stock("w4", held=[proxy], labels=eu),
        name="web",
        constraints=("zone==eu-1",),
        max_per_node=2,
        ports=(Port(80, host_port=8080),),
    )
    assert found.sentence() == (
        "no node fits: 2 do not match zone==eu-1 (w1, w2), 1 has port 8080/tcp taken (w4), "
        "1 is at its max_per_node 2 (w3)"
    )


def test_engines_that_are_down_and_avoided_nodes_tell_their_own_story() -> None:
    found = unplaceable(
        a_stock("w1", runtime_error="permission denied on docker.sock"),
        a_stock("w2", runtime_error="docker does not answer"),
        a_stock("w3"),
        avoid={node_id("w3"): "port 8080 busy on w3"},
    )
    assert found.sentence() == (
        "no node fits: 2 have no working engine (w1: permission denied on docker.sock; "
        "w2: docker does not answer), 1 is avoided for now (w3: port 8080 busy on w3)"
    )


def test_the_counts_add_up_to_the_number_of_nodes() -> None:
    nodes = [
        *(a_stock(f"a{n}", condition=Condition.SUSPECT) for n in range(8)),
        *(a_stock(f"b{n}", availability=Availability.CORDONED) for n in range(3)),
        *(small(f"c{n}", n * MIB) for n in range(13)),
    ]
    sentence = unplaceable(*nodes, memory_bytes=GIB).sentence()
    assert sum(map(int, re.findall(r"(?:: |, )(\d+) (?:are|is|lacks?) ", sentence))) == len(nodes)


def test_codes_are_sorted_and_named_once() -> None:
    found = unplaceable(
        small("w1", MIB),
        small("w2", MIB),
        a_stock("w3", condition=Condition.LOST),
        memory_bytes=GIB,
    )
    assert found.codes() == ("lost", "resources")


def test_equal_misses_are_in_the_order_of_node_names() -> None:
    found = unplaceable(small("w2", MIB), small("w3", MIB), small("w1", MIB), memory_bytes=GIB)
    (group,) = found.groups
    assert [refusal.node_name for refusal in group.named] == ["w1", "w2", "w3"]


def test_an_explanation_of_some_nodes_does_not_pass_for_one_of_all() -> None:
    groups = unplaceable(a_stock("w1", condition=Condition.LOST)).groups

    assert Unplaceable(groups, nodes=3).sentence() == (
        "none of 1 nodes (of 3) fits: 1 is lost (w1)"
    )
    assert Unplaceable((), nodes=3).sentence() == (
        "none of 0 nodes (of 3) fits: none was looked at"
    )


def test_where_nobody_can_be_displaced_for_it_says_so_of_the_nodes_that_lack_room() -> None:
    drained = a_stock("w9", availability=Availability.DRAINING)
    many = [small(f"w{number}", GIB // 2) for number in range(1, 8)]
    assert no_victim(unplaceable(drained, memory_bytes=GIB)) == ""
    some = unplaceable(drained, *many[:3], memory_bytes=GIB)
    assert no_victim(some) == "nothing of lower priority would make room on w1, w2 or w3"
    all_of_them = unplaceable(drained, *many, memory_bytes=GIB)
    assert no_victim(all_of_them) == "nothing of lower priority would make room on any of 7 nodes"
