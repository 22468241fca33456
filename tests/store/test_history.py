from __future__ import annotations

from pathlib import Path

import pytest

from cube.core.effects import Writes
from cube.errors import LedgerBroken
from cube.model.event import EventKind
from cube.store import history
from cube.store.ledger import Ledger
from tests.builders import node_id, task_id
from tests.store.ledger_builders import a_request, an_event, edit, opened

WEB, DB, W1 = task_id("web"), task_id("db"), node_id("w1")
EVENTS = [
    an_event(1, kind=EventKind.NODE_JOINED, node_id=W1),
    an_event(2, kind=EventKind.TASK_CREATED, task_id=WEB, message="a,b:c 'ü'"),
    an_event(3, kind=EventKind.ALLOCATION_ASSIGNED, task_id=WEB, node_id=W1),
    an_event(4, kind=EventKind.TASK_CREATED, task_id=DB),
    an_event(5, kind=EventKind.ALLOCATION_ASSIGNED, task_id=DB, node_id=W1),
]


@pytest.fixture
async def story(ledger: Ledger) -> Ledger:
    await ledger.commit(Writes(events=EVENTS))
    return ledger


def many(count: int) -> Writes:
    return Writes(events=[an_event(revision) for revision in range(1, count + 1)])


async def revisions(ledger: Ledger, **filters: object) -> list[int]:
    return [event.revision for event in await ledger.events(**filters)]  # type: ignore[arg-type]


async def test_events_come_back_as_they_were_recorded_oldest_first(story: Ledger) -> None:
    assert await story.events() == EVENTS


async def test_events_are_read_on_from_a_revision(story: Ledger) -> None:
    assert await revisions(story, after=2, limit=2) == [3, 4]
    assert await revisions(story, after=5) == []
    assert await revisions(story, limit=0) == []


async def test_the_newest_events_are_still_oldest_first(story: Ledger) -> None:
    assert await revisions(story, newest=True, limit=2) == [4, 5]
    assert await revisions(story, newest=True, limit=10, after=3) == [4, 5]


async def test_events_are_filtered_by_task_node_and_kind_together(story: Ledger) -> None:
    assert await revisions(story, task_id=WEB) == [2, 3]
    assert await revisions(story, node_id=W1) == [1, 3, 5]
    assert await revisions(story, kind="task.created") == [2, 4]
    assert await revisions(story, kind=EventKind.TASK_CREATED, task_id=DB) == [4]
    assert await revisions(story, node_id=W1, task_id=WEB, newest=True, limit=1) == [3]
    assert await revisions(story, kind="", task_id=task_id("none")) == []


async def test_the_order_is_by_number_not_by_text(ledger: Ledger) -> None:
    await ledger.commit(many(120))

    assert await revisions(ledger, newest=True, limit=30) == list(range(91, 121))


async def test_a_damaged_event_is_an_error_not_an_answer(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.commit(Writes(events=EVENTS))
    damage = (
        "UPDATE events SET body = (SELECT body FROM events WHERE revision = 1) WHERE revision = 2"
    )
    edit(tmp_path / "ledger.db", lambda connection: connection.execute(damage))

    async with opened(tmp_path) as ledger:
        with pytest.raises(LedgerBroken, match="record 2 is not what was stored"):
            await ledger.events()
        assert await revisions(ledger, after=2) == [3, 4, 5]


async def test_pruning_keeps_the_newest_events(ledger: Ledger) -> None:
    assert await ledger.oldest_revision() == 0
    await ledger.commit(many(100))
    assert await ledger.oldest_revision() == 1

    assert not await ledger.prune(events_kept=30, requests_before_ms=0)
    assert await ledger.oldest_revision() == 71
    assert await revisions(ledger) == list(range(71, 101))


async def test_the_last_event_is_never_pruned_so_revisions_never_repeat(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        assert not await ledger.prune(events_kept=0, requests_before_ms=0)
        await ledger.commit(many(10))
        await ledger.prune(events_kept=0, requests_before_ms=0)
    async with opened(tmp_path) as ledger:
        assert (await ledger.load()).revision == 10


async def test_one_call_prunes_a_bounded_part_and_says_that_there_is_more(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PRUNED_AT_ONCE", 10)
    await ledger.commit(many(30))

    more = [await ledger.prune(events_kept=5, requests_before_ms=0) for _ in range(3)]
    assert more == [True, True, False]
    assert await revisions(ledger) == [26, 27, 28, 29, 30]


async def test_requests_are_forgotten_by_age(ledger: Ledger) -> None:
    for at_ms in (1000, 2000, 3000):
        await ledger.commit(Writes(), a_request(f"key-{at_ms}", at_ms=at_ms))
    await ledger.prune(events_kept=10, requests_before_ms=2000)

    kept = [await ledger.request(f"key-{at_ms}") is not None for at_ms in (1000, 2000, 3000)]
    assert kept == [False, True, True]
