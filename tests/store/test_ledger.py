from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cube.core.effects import Writes
from cube.errors import ManagerAway
from cube.model.ids import NodeId
from cube.model.lineage import Lineage
from cube.model.membership import Credential, JoinToken
from cube.store.ledger import Ledger
from tests.builders import a_node, a_task, an_allocation
from tests.store.ledger_builders import (
    NOW,
    a_commit,
    a_request,
    an_event,
    contents,
    opened,
)

NAMES = ("a", "b", "c")
TASKS = [a_task(name=name, replicas=replicas) for name in NAMES for replicas in (1, 2)]
NODES = [a_node(name, epoch=epoch) for name in NAMES for epoch in (1, 2)]
ALLOCATIONS = [
    an_allocation(task, node, restart=restart)
    for task, node in zip(TASKS, NODES, strict=True)
    for restart in (0, 1)
]


def changes(records: list[Any]) -> st.SearchStrategy[dict[Any, Any]]:
    """Some of the records to be stored, some to be deleted, by id."""
    entry = st.tuples(st.sampled_from(records), st.booleans())
    return st.lists(entry, max_size=3).map(
        lambda entries: {record.id: record if kept else None for record, kept in entries}
    )


histories = st.lists(
    st.tuples(changes(TASKS), changes(ALLOCATIONS), changes(NODES), st.integers(0, 2)), max_size=8
)


@given(histories, st.booleans())
@settings(max_examples=25)
async def test_what_was_committed_is_what_is_loaded(
    history: list[tuple[dict, dict, dict, int]], together: bool
) -> None:
    expected: dict[str, Any] = {
        "cluster_id": "cluster-1",
        "lineage": Lineage(),
        "revision": 0,
        "tasks": {},
        "allocations": {},
        "nodes": {},
    }
    with tempfile.TemporaryDirectory() as directory:
        async with opened(Path(directory) / "data") as ledger:
            recorded = []
            for tasks, allocations, nodes, event_count in history:
                first = expected["revision"] + 1
                events = [an_event(first + number) for number in range(event_count)]
                writes = Writes(tasks=tasks, allocations=allocations, nodes=nodes, events=events)
                recorded.append(ledger.commit(writes))
                if not together:
                    await recorded[-1]
                expected["revision"] += event_count
                for name in ("tasks", "allocations", "nodes"):
                    changed = expected[name] | getattr(writes, name)
                    expected[name] = {id: record for id, record in changed.items() if record}
            await asyncio.gather(*recorded)
            assert contents(await ledger.load()) == expected
        async with opened(Path(directory) / "data") as ledger:
            assert contents(await ledger.load()) == expected


async def test_the_cluster_id_is_minted_once(tmp_path: Path) -> None:
    minted = iter(["first", "second"])
    for _ in range(2):
        ledger = await Ledger.open(tmp_path, mint_cluster_id=lambda: next(minted), now_ms=NOW)
        assert (await ledger.load()).cluster_id == "first"
        await ledger.close()


async def test_commits_are_answered_in_the_order_they_were_made(ledger: Ledger) -> None:
    answered: list[int] = []
    recorded = []
    for revision in range(1, 51):
        future = ledger.commit(a_commit(revision))
        future.add_done_callback(partial(lambda number, _: answered.append(number), revision))
        recorded.append(future)
    await asyncio.gather(*recorded)

    assert answered == list(range(1, 51))
    assert ledger.waiting == 0


async def test_empty_writes_wait_for_everything_before_and_write_nothing(ledger: Ledger) -> None:
    change = ledger.commit(a_commit(1))
    await ledger.commit(Writes())
    assert change.done()

    transactions = ledger.transactions
    await ledger.commit(Writes())
    assert ledger.transactions == transactions


async def test_writes_may_be_changed_after_the_commit_was_called(ledger: Ledger) -> None:
    writes = a_commit(1)
    task = next(iter(writes.tasks.values()))
    recorded = ledger.commit(writes)
    writes.tasks.clear()
    writes.events.append(an_event(2))
    await recorded

    snapshot = await ledger.load()
    assert (snapshot.tasks, snapshot.revision) == ([task], 1)


async def test_a_commit_nobody_waits_for_any_more_is_recorded_all_the_same(
    ledger: Ledger,
) -> None:
    ledger.commit(a_commit(1)).cancel()
    await ledger.commit(a_commit(2))

    assert len(await ledger.events()) == 2


async def test_a_request_is_recorded_with_its_change_and_found_by_its_key(tmp_path: Path) -> None:
    request = a_request("key-1", body=b'{"id": 1}\x00')
    async with opened(tmp_path) as ledger:
        await ledger.commit(a_commit(1), request)
    async with opened(tmp_path) as ledger:
        assert await ledger.request("key-1") == request
        assert await ledger.request("key-2") is None


async def test_a_key_that_is_used_again_holds_the_newest_answer(ledger: Ledger) -> None:
    await ledger.commit(Writes(), a_request("key-1", status=201))
    await ledger.commit(Writes(), a_request("key-1", status=409))

    found = await ledger.request("key-1")
    assert found is not None and found.status == 409


async def test_who_may_join_and_who_has_is_on_record_until_it_is_taken_out(tmp_path: Path) -> None:
    tokens = [
        JoinToken(id=id, secret_hash="h", made_ms=1, expires_ms=2, uses=1, keys=("k",))
        for id in "ab"
    ]
    node = Credential(node_id=NodeId("n"), key="k", era=3, expires_ms=9)
    async with opened(tmp_path) as ledger:
        await ledger.commit_membership({one.id: one for one in tokens}, {node.node_id: node})
        await ledger.commit_membership({"a": None}, {})
    async with opened(tmp_path) as ledger:
        assert await ledger.membership() == ([tokens[1]], [node])


async def test_closing_records_what_is_queued_and_refuses_what_comes_later(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path, mint_cluster_id=lambda: "c", now_ms=NOW)
    queued = [ledger.commit(a_commit(revision)) for revision in range(1, 101)]
    await ledger.close()
    await ledger.close()

    await asyncio.gather(*queued)
    with pytest.raises(ManagerAway):
        await ledger.commit(a_commit(101))
    with pytest.raises(ManagerAway):
        await ledger.load()
    async with opened(tmp_path) as ledger:
        assert (await ledger.load()).revision == 100


async def test_what_is_read_includes_every_commit_made_before(ledger: Ledger) -> None:
    recorded = [ledger.commit(a_commit(revision), a_request("k")) for revision in range(1, 11)]

    assert (await ledger.load()).revision == 10
    assert await ledger.request("k") is not None
    await asyncio.gather(*recorded)
