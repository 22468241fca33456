"""Finding what people mean by an id, a name, or the beginning of an id."""

from __future__ import annotations

import pytest

from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.errors import Ambiguous, InvalidInput, NotFound
from cube.manager.lookup import checked_reference, find_node, find_task
from cube.model.ids import NodeId, TaskId
from cube.model.task import Goal
from tests.builders import a_node, a_task

TASKS = [
    a_task(id=TaskId("aa11"), name="web"),
    a_task(id=TaskId("aa22"), name="db"),
    a_task(id=TaskId("bb33"), name="aa"),
    a_task(id=TaskId("cc44"), name="old", goal=Goal.STOP),
    a_task(id=TaskId("aa11-5"), name="bb33"),
]
NODES = [
    a_node("w1", id=NodeId("n1")),
    a_node("w2", id=NodeId("n2")),
    a_node("twin", id=NodeId("n3")),
    a_node("twin", id=NodeId("n4")),
    a_node("n1", id=NodeId("n5")),
]
CLUSTER = Cluster(Snapshot(cluster_id="c1", tasks=TASKS, nodes=NODES))


@pytest.mark.parametrize(
    ("reference", "id"),
    [
        ("aa11", "aa11"),  # an id, although it begins another one
        ("web", "aa11"),
        ("aa", "bb33"),  # a name, although ids begin with it
        ("aa2", "aa22"),
        ("aa11-", "aa11-5"),
        ("bb33", "bb33"),  # an id before a name
        ("old", "cc44"),
    ],
)
def test_a_task_is_found_by_id_then_name_then_beginning(reference: str, id: str) -> None:
    assert find_task(CLUSTER, reference).id == id


@pytest.mark.parametrize(
    ("reference", "id"), [("n2", "n2"), ("w1", "n1"), ("n1", "n1"), ("n5", "n5")]
)
def test_a_node_is_found_by_id_then_name_then_beginning(reference: str, id: str) -> None:
    assert find_node(CLUSTER, reference).id == id


def test_what_is_not_there_is_told_with_where_to_look() -> None:
    with pytest.raises(NotFound, match="there is no task zz") as caught:
        find_task(CLUSTER, "zz")
    assert caught.value.hint == "see: cube status -a"
    with pytest.raises(NotFound, match="there is no node zz") as caught:
        find_node(CLUSTER, "zz")
    assert caught.value.hint == "see: cube node ls"


def test_what_fits_several_is_told_with_each() -> None:
    with pytest.raises(Ambiguous, match="3 tasks fit a: ") as caught:
        find_task(CLUSTER, "a")
    assert "aa22 (db)" in str(caught.value)


def test_nodes_of_one_name_are_told_apart_by_id() -> None:
    with pytest.raises(Ambiguous) as caught:
        find_node(CLUSTER, "twin")
    assert str(caught.value) == "2 nodes fit twin: n3 (twin), n4 (twin)"


def test_of_many_that_fit_some_are_shown_and_the_rest_is_counted() -> None:
    many = [a_node(f"w{number}", id=NodeId(f"x{number}")) for number in range(8)]
    with pytest.raises(Ambiguous) as caught:
        find_node(Cluster(Snapshot(cluster_id="c1", nodes=many)), "x")
    assert str(caught.value).endswith("x4 (w4) and 3 more")


@pytest.mark.parametrize("text", ["web", "web.2", "a_b-c", "0", "a" * 127])
def test_a_name_or_an_id_may_be_asked_for(text: str) -> None:
    assert checked_reference(text) == text


@pytest.mark.parametrize("text", ["", ".", "../etc", "a/b", "a b", "-rf", "a\n", "é", "a" * 128])
def test_what_can_be_neither_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        checked_reference(text)
