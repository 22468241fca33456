from __future__ import annotations

import pytest

from cube.core.effects import Writes
from cube.store.failures import Unusable
from cube.store.records import NODES, TASKS, Rows, rows_of, seal, unseal
from tests.builders import a_node, a_task
from tests.store.ledger_builders import a_commit, a_request


def test_a_record_comes_back_as_it_was_sealed() -> None:
    task = a_task(name="web", env={"KEY": "välue\n"}, command=("a", "b"), replicas=3)

    assert unseal(task.id, seal(task.id, task), TASKS) == task


def test_any_flipped_bit_is_noticed() -> None:
    task = a_task()
    sealed = seal(task.id, task)
    for position in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[position] ^= 4
        with pytest.raises(Unusable, match="is not what was stored"):
            unseal(task.id, bytes(damaged), TASKS)


@pytest.mark.parametrize("sealed", [b"", b"\x00", b"\x00" * 4])
def test_a_record_that_was_cut_is_noticed(sealed: bytes) -> None:
    with pytest.raises(Unusable):
        unseal("t1", sealed, TASKS)


def test_a_record_is_not_taken_for_that_of_another_id() -> None:
    with pytest.raises(Unusable):
        unseal("t2", seal("t1", a_task(id="t1")), TASKS)


def test_a_record_of_a_newer_cube_says_so() -> None:
    with pytest.raises(Unusable, match="does not understand") as refused:
        unseal("t1", seal("t1", a_task()), NODES)
    assert "version" in refused.value.hint


def test_rows_hold_everything_of_one_change() -> None:
    task, node = a_task(), a_node()
    writes = Writes(tasks={task.id: task}, nodes={node.id: None}, events=a_commit(7).events)
    rows = rows_of(writes, a_request("key-1", at_ms=5))

    assert len(rows) == 4
    assert rows.nodes == {node.id: None}
    assert rows.events[0][0] == 7
    assert rows.requests["key-1"][0] == 5
    assert len(rows_of(Writes(), None)) == 0


def test_rows_that_absorb_later_ones_end_as_those_do() -> None:
    rows = Rows(tasks={"a": b"1", "b": b"1"}, events=[(1, 0, "k", None, None, b"")])
    rows.absorb(Rows(tasks={"b": None, "c": b"2"}, events=[(2, 0, "k", None, None, b"")]))

    assert rows.tasks == {"a": b"1", "b": None, "c": b"2"}
    assert [event[0] for event in rows.events] == [1, 2]
