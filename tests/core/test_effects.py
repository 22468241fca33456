"""One consequence of two."""

from __future__ import annotations

from cube.core.effects import Effects, Writes
from cube.model.ids import AllocationId
from cube.model.lineage import Lineage
from cube.model.orders import Remove
from tests.builders import node_id, task_id


def test_the_later_one_has_the_last_word() -> None:
    both, later = Effects(writes=Writes()), Effects(writes=Writes())
    both.look_again_at, both.more = 7.0, True
    both.touched[task_id("web")] = None
    both.writes.lineage = Lineage()
    later.look_again_at = 3.0
    later.touched[task_id("db")] = None
    both.orders[node_id("w1")] = [Remove(id=AllocationId("web.1.1"), reason="stopped")]
    later.orders[node_id("w1")] = [Remove(id=AllocationId("db.1.1"), reason="stopped")]
    later.writes.lineage = newer = Lineage().put_back(5, now_ms=1)

    both.absorb(later)

    assert (both.look_again_at, both.more) == (3.0, True)
    assert list(both.touched) == [task_id("web"), task_id("db")]
    assert [order.id for order in both.orders[node_id("w1")]] == ["web.1.1", "db.1.1"]
    assert both.writes.lineage == newer


def test_a_lineage_stays_where_the_later_one_says_nothing_of_it() -> None:
    both = Effects(writes=Writes())
    both.writes.lineage = lineage = Lineage()
    both.absorb(Effects(writes=Writes()))
    assert both.writes.lineage == lineage
