"""The numbers of one node follow its allocations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.core.scheduler.candidate import Candidate
from cube.model.resources import NOTHING, Resources
from cube.model.spec import Port, Protocol
from tests.builders import GIB, a_candidate, a_node, a_task, task_id

WEB = a_task(
    name="web", cpu_millis=500, memory_bytes=GIB, disk_bytes=GIB, ports=(Port(80, host_port=8080),)
)


def numbers(candidate: Candidate) -> dict[str, object]:
    return {slot: getattr(candidate, slot) for slot in Candidate.__slots__}


def test_an_empty_node_has_all_its_capacity_free() -> None:
    node = a_node(capacity=Resources(4_000, 8 * GIB, 0))
    assert Candidate(node).free == Resources(4_000, 8 * GIB, 0)


def test_holding_reserves_and_counts() -> None:
    candidate = a_candidate(held=[WEB, WEB], capacity=Resources(4_000, 8 * GIB, 9 * GIB))

    assert candidate.free == Resources(3_000, 6 * GIB, 7 * GIB)
    assert candidate.count == 2
    assert candidate.tasks == {WEB.id: 2}
    assert candidate.ports == {(8080, Protocol.TCP): 2}


def test_a_port_held_twice_stays_taken_until_both_let_go() -> None:
    candidate = a_candidate(held=[WEB, WEB])

    candidate.let_go(WEB.id, WEB.spec.demand, WEB.spec.host_ports)
    assert candidate.ports == {(8080, Protocol.TCP): 1}
    candidate.let_go(WEB.id, WEB.spec.demand, WEB.spec.host_ports)
    assert candidate.ports == {}


def test_letting_go_of_what_is_not_held_is_refused() -> None:
    with pytest.raises(KeyError):
        a_candidate().let_go(task_id("web"), NOTHING, ())


def test_a_shrunk_machine_has_less_than_nothing_free() -> None:
    candidate = a_candidate(held=[WEB], capacity=Resources(100, 0, 0))
    assert candidate.free == Resources(-400, -GIB, -GIB)


def test_a_copy_is_equal_and_apart() -> None:
    candidate = a_candidate(held=[WEB], last_placed=7)
    before = numbers(candidate.copy())

    twin = candidate.copy()
    assert numbers(twin) == numbers(candidate)
    twin.hold(WEB.id, WEB.spec.demand, WEB.spec.host_ports)
    twin.last_placed = 8

    assert numbers(candidate) == before


holds = st.tuples(
    st.sampled_from([task_id("a"), task_id("b")]),
    st.builds(Resources, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    st.sets(st.tuples(st.integers(1, 3), st.sampled_from(Protocol))).map(tuple),
)


@given(st.lists(holds), st.randoms(use_true_random=False))
def test_letting_go_undoes_holding_in_any_order(held: list, order) -> None:  # type: ignore[no-untyped-def]
    candidate = a_candidate()
    before = numbers(candidate.copy())
    for hold in held:
        candidate.hold(*hold)

    order.shuffle(held)
    for hold in held:
        candidate.let_go(*hold)

    assert numbers(candidate) == before
