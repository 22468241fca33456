"""What is drawn for a run is repeatable, within its bounds, and as likely as was said."""

from __future__ import annotations

from collections import Counter

from cube.model.container import RunLabel
from cube.model.ids import AllocationId, NodeId
from cube.model.spec import TaskSpec
from cube.runtime.simulated_container import Behaviour
from cube.runtime.simulated_script import Chances, Script

SPEC = TaskSpec(name="web", image="busybox")


def label(slot: int, restart: int = 0) -> RunLabel:
    return RunLabel(
        cluster_id="c",
        node_id=NodeId("n"),
        allocation_id=AllocationId(f"t.{slot}.1"),
        restart=restart,
        spec=SPEC,
    )


def drawn(chances: Chances, runs: int = 1_000) -> list[Behaviour]:
    script = Script(chances)
    return [script(label(slot)) for slot in range(runs)]


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    chances = Chances(start_most=1.0, seed=7)
    assert drawn(chances) == drawn(chances)
    assert drawn(chances) != drawn(Chances(start_most=1.0, seed=8))


def test_start_times_are_drawn_between_the_two() -> None:
    times = [one.start_seconds for one in drawn(Chances(start_least=0.1, start_most=0.3))]
    assert 0.1 <= min(times) < 0.12 and 0.28 < max(times) <= 0.3


def test_about_the_share_fails_and_each_restart_is_drawn_anew() -> None:
    chances = Chances(fail_share=0.2, fail_after=0.5)
    ends = Counter(one.exits_after for one in drawn(chances, 2_000))
    assert 300 < ends[0.5] < 500 and ends[None] == 2_000 - ends[0.5]
    script = Script(chances)
    assert {script(label(1, restart)).exits_after for restart in range(50)} == {None, 0.5}


def test_no_share_fails_nothing_and_the_whole_fails_all() -> None:
    assert {one.exits_after for one in drawn(Chances())} == {None}
    assert {one.exits_after for one in drawn(Chances(fail_share=1.0, fail_after=1.0))} == {1.0}
