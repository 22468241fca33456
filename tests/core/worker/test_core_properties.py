"""Whatever happens in whatever order: reports go forward, one container of an allocation runs, what is removed
stays removed. One integer is one history; a failure names it."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from cube.core.worker import inputs
from cube.model.allocation import Failure, FailureKind, Phase
from cube.model.container import ContainerSeen, ContainerState
from cube.model.ids import AllocationId
from tests.core.worker.machine import Machine, remove, run

IDS = [AllocationId(f"t.{slot}.1") for slot in (1, 2, 3)]
TEMPORARY = [FailureKind.ENGINE_AWAY, FailureKind.ENGINE_SLOW, FailureKind.ENGINE_ERROR]
HISTORIES = 400
STEPS = 80


class History:
    """One worker, three allocations, an engine that fails, forgets answers and is meddled with."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.machine = Machine()
        self.ordered_away: set[AllocationId] = set()
        self.acknowledged: set[AllocationId] = set()
        self.specs = {id: self._spec() for id in IDS}
        self.former_look: tuple[tuple[ContainerSeen, ...], float] | None = None
        self.stamps: dict[AllocationId, tuple[int, int, int, int]] = {}
        self.checked = 0
        self.epoch = 0
        # Each history knows only some of the faults: those that always mix hide each other.
        actions = [
            self.exit,
            self.remove_outside,
            self.fail_a_step,
            self.lose_an_answer,
            self.hold_steps_back,
            self.lose_the_image,
            self.answer_probes,
            self.remember_a_look,
            self.tell_the_look_late,
            self.open_session,
            self.acknowledge,
            self.restart_worker,
            self.order_removal,
        ]
        chosen = self.random.sample(actions, self.random.randint(2, len(actions)))
        self.actions = [
            *chosen,
            self.order_run,
            self.wait,
            self.wait,
            self.release_steps,
            self.look,
        ]

    def _spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {
            "restart": self.random.choice(["always", "on-failure", "never"]),
            "pull": self.random.choice(["missing", "missing", "always"]),
            "on_disconnect": self.random.choice(["keep", "keep", "stop"]),
        }
        if self.random.random() < 0.3:
            spec |= {"health": {"kind": "tcp", "port": 80}}
        return spec

    def order_run(self) -> None:
        id = self.random.choice(IDS)
        if id not in self.acknowledged:  # as the manager: it forgets what is gone
            self.machine.order(run(id, **self.specs[id]))

    def order_removal(self) -> None:
        id = self.random.choice(IDS)
        self.ordered_away.add(id)
        self.machine.order(remove(id))

    def exit(self) -> None:
        for seen in self.machine.running():
            if self.random.random() < 0.5:
                noticed = self.random.random() < 0.7
                self.machine.ends(seen, self.random.choice([0, 1, 137]), noticed=noticed)

    def remove_outside(self) -> None:
        for id in list(self.machine.containers)[:1]:
            del self.machine.containers[id]
            self.machine.seconds += 1e-6
            if self.random.random() < 0.5:
                self.machine.tell(inputs.Saw(id, None, self.machine.seconds))

    def fail_a_step(self) -> None:
        self.machine.failing.append(Failure(self.random.choice(TEMPORARY), "not now"))

    def lose_an_answer(self) -> None:
        self.machine.answers_lost += 1

    def hold_steps_back(self) -> None:
        self.machine.holding_back = True

    def release_steps(self) -> None:
        self.machine.release()

    def lose_the_image(self) -> None:
        self.machine.images.clear()

    def answer_probes(self) -> None:
        self.machine.answer_probes(self.random.random() < 0.5, "HTTP 500")

    def remember_a_look(self) -> None:
        self.machine.seconds += 1e-6
        self.former_look = (tuple(self.machine.containers.values()), self.machine.seconds)

    def tell_the_look_late(self) -> None:
        if self.former_look is not None:
            self.machine.tell(inputs.Looked(*self.former_look))

    def look(self) -> None:
        self.machine.look()

    def wait(self) -> None:
        self.machine.wait(self.random.choice([0.01, 0.2, 3.0, 70.0]))

    def open_session(self) -> None:
        self.epoch += 1
        self.machine.tell(inputs.SessionOpened(self.epoch, 4.0, self.machine.seconds))

    def acknowledge(self) -> None:
        pairs = tuple((id, seen.sequence) for id, seen in self.machine.told)
        self.machine.tell(inputs.Acknowledged(pairs))
        self.acknowledged |= self.ordered_away

    def restart_worker(self) -> None:
        self.former_look = None
        self.machine.restart_worker()
        self.stamps.clear()  # recovered from labels: a manager may know more, and drops what is older
        self.checked = len(self.machine.told)
        if self.ordered_away:  # as in the answer to a Hello
            self.machine.order(*(remove(id) for id in sorted(self.ordered_away)))

    def check(self) -> None:
        running = Counter(seen.label.allocation_id for seen in self.machine.running())
        assert all(count == 1 for count in running.values()), running
        for id, seen in self.machine.told[self.checked :]:
            if seen.phase is Phase.REMOVED:
                self.stamps.pop(id, None)
                held = {c.label.allocation_id for c in self.machine.containers.values()}
                assert id not in held, f"{id} is called removed but is there"
                continue
            assert seen.stamp > self.stamps.get(id, (-1, 0, 0, 0)), (id, seen)
            self.stamps[id] = seen.stamp
        self.checked = len(self.machine.told)

    def settle(self) -> None:
        """All faults end: whatever was ordered away is gone, and nothing ever starts again."""
        machine = self.machine
        machine.failing.clear()
        machine.answers_lost = 0
        machine.release()
        machine.order(*(remove(id) for id in IDS))
        for _ in range(4):
            machine.look()
            machine.wait(40)
        assert machine.containers == {}
        last = {id: seen.phase for id, seen in machine.told}
        assert all(last[id] is Phase.REMOVED for id in IDS), last
        done = len(machine.done)
        machine.order(*(run(id) for id in IDS if id not in self.acknowledged))
        machine.wait(1000)
        assert len(machine.done) == done


@pytest.mark.slow
def test_no_history_breaks_a_promise() -> None:
    for seed in range(HISTORIES):
        history = History(seed)
        try:
            for _ in range(STEPS):
                history.random.choice(history.actions)()
                history.check()
            history.settle()
        except AssertionError as error:
            raise AssertionError(f"history {seed}: {error}") from error


def test_a_kept_allocation_always_comes_back_to_running() -> None:
    machine = Machine()
    machine.order(run(restart="always"))
    for kind in TEMPORARY:
        machine.failing = [Failure(kind, "not now")] * 3
        machine.exits(0)
        machine.wait(120)
        assert [seen.state for seen in machine.running()] == [ContainerState.RUNNING]
