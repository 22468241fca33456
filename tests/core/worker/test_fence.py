"""What is fenced, until when, and what follows when the watchdog has killed it."""

from __future__ import annotations

import pytest

from cube.core.worker import inputs
from cube.core.worker.steps import Create, Halt, Start
from cube.model.allocation import Phase
from cube.model.container import Fence
from tests.core.worker.machine import ID, Machine, remove, run

LEASE = 4.0
NOTHING = Fence((), 0.0)


@pytest.fixture
def machine() -> Machine:
    """One whose session has just begun."""
    one = Machine()
    opens_session(one)
    return one


def opens_session(machine: Machine, epoch: int = 1) -> None:
    machine.tell(inputs.SessionOpened(epoch, LEASE, machine.seconds))


def wakes_late(machine: Machine, seconds: float) -> None:
    """The process stands still for so long: the core is told nothing meanwhile."""
    machine.seconds += seconds


class TestWhatIsFenced:
    def test_a_task_that_may_run_on_is_not_fenced(self, machine: Machine) -> None:
        machine.order(run())

        assert machine.fence == NOTHING

    def test_a_bound_container_is_fenced_before_it_is_started(self, machine: Machine) -> None:
        began = machine.seconds
        machine.holding_back = True
        machine.order(run(on_disconnect="stop"))
        (create,) = machine.pending
        machine.pending.clear()
        made = machine.core.handle(
            inputs.StepDone(create, machine._create(create)),  # type: ignore[arg-type]
            machine.now,
        )

        assert made.steps == [Start(ID, "c1")]
        assert made.fence is not None
        assert made.fence.container_ids == ("c1",)
        assert made.fence.kill_at == pytest.approx(began + 3.2, abs=0.01)

    def test_it_is_fenced_no_more_once_it_has_ended(self, machine: Machine) -> None:
        machine.order(run(on_disconnect="stop", restart="never"))
        machine.exits(0)

        assert machine.fence == NOTHING

    def test_it_is_fenced_for_as_long_as_its_removal_takes(self, machine: Machine) -> None:
        machine.order(run(on_disconnect="stop"))
        machine.holding_back = True
        machine.order(remove())
        assert machine.fence.container_ids == ("c1",)

        machine.release()

        assert machine.fence == NOTHING

    def test_what_a_former_process_started_is_fenced_at_the_first_look(
        self, machine: Machine
    ) -> None:
        machine.order(run(on_disconnect="stop"))
        machine.fence = NOTHING

        machine.restart_worker()

        assert machine.fence.container_ids == ("c1",)

    def test_before_the_first_look_nothing_is_said_of_what_a_former_process_fenced(self) -> None:
        machine = Machine(looked=False)

        effects = machine.tell(inputs.LeaseInherited(machine.seconds + 1))

        assert effects.fence is None


class TestTheDeadline:
    def test_it_lies_between_the_end_of_an_orderly_stop_and_that_of_the_lease(
        self, machine: Machine
    ) -> None:
        sent_at = machine.seconds
        machine.order(run(on_disconnect="stop", stop_grace_ms=60_000))
        machine.holding_back = True
        machine.wait(2.5)

        (halt,) = machine.pending
        assert isinstance(halt, Halt)
        halted_by = sent_at + LEASE / 2 + halt.grace_ms / 1000
        assert halted_by < machine.fence.kill_at < sent_at + LEASE

    def test_it_moves_with_each_confirmed_lease_by_when_that_was_sent(
        self, machine: Machine
    ) -> None:
        machine.order(run(on_disconnect="stop"))
        before = machine.fence.kill_at
        machine.wait(0.5)
        sent_at = machine.seconds
        machine.wait(0.5)

        machine.tell(inputs.LeaseConfirmed(sent_at))

        assert machine.fence.kill_at - before == pytest.approx(0.5, abs=0.01)

    def test_it_is_told_only_when_it_moves(self, machine: Machine) -> None:
        machine.order(run(on_disconnect="stop"))

        assert machine.tell(inputs.Tick()).fence is None

    def test_a_new_process_keeps_that_of_the_former(self, machine: Machine) -> None:
        machine.order(run(on_disconnect="stop"))
        late = Machine(looked=False)
        late.containers = machine.containers
        kill_at = late.seconds + 1.5

        late.tell(inputs.LeaseInherited(kill_at))
        late.look()

        assert late.fence.container_ids == ("c1",)
        assert late.fence.kill_at == pytest.approx(kill_at)
        late.wait(1.4)
        assert not any(isinstance(step, Halt) for step in late.done)
        opens_session(late)
        assert late.fence.kill_at == pytest.approx(late.seconds + 3.2, abs=0.01)

    def test_a_new_process_never_counts_longer_than_from_its_own_start(self) -> None:
        machine = Machine(looked=False)
        machine.tell(inputs.LeaseInherited(machine.seconds + 1_000))

        machine.containers = with_bound_container()
        machine.look()

        assert machine.fence.kill_at == pytest.approx(machine.seconds + 3.2, abs=0.01)


def with_bound_container() -> dict:
    machine = Machine()
    machine.order(run(on_disconnect="stop"))
    return machine.containers


class TestAfterTheKill:
    @pytest.mark.parametrize("restart", ["always", "never"])
    def test_a_worker_that_wakes_up_waits_for_its_lease_and_counts_no_failure(
        self, machine: Machine, restart: str
    ) -> None:
        machine.order(run(on_disconnect="stop", restart=restart))
        wakes_late(machine, 10)
        machine.bitten()
        machine.wait(60)
        assert machine.running() == []
        assert machine.newest.phase is Phase.EXITED
        assert machine.newest.failures_in_row == 0

        machine.tell(inputs.LeaseConfirmed(machine.seconds))

        assert len(machine.running()) == 1
        assert machine.newest.restart == 1

    def test_in_a_new_session_it_waits_for_the_order(self, machine: Machine) -> None:
        machine.order(run(on_disconnect="stop"))
        wakes_late(machine, 10)
        machine.bitten()
        opens_session(machine, 2)
        machine.tell(inputs.LeaseConfirmed(machine.seconds))
        machine.wait(3)
        assert machine.running() == []

        machine.tell(inputs.LeaseConfirmed(machine.seconds))
        machine.order(run(on_disconnect="stop"))

        assert len(machine.running()) == 1

    def test_a_lease_confirmed_before_the_end_is_seen_starts_the_next_run(
        self, machine: Machine
    ) -> None:
        machine.order(run(on_disconnect="stop", restart="never"))
        machine.bitten(noticed=False)
        machine.tell(inputs.LeaseConfirmed(machine.seconds))

        machine.look()

        assert len(machine.running()) == 1
        assert machine.newest.failures_in_row == 0

    def test_a_new_process_that_finds_it_killed_waits_for_the_order(self) -> None:
        former = Machine()
        former.order(run(on_disconnect="stop", restart="never"))
        former.bitten(noticed=False)
        machine = Machine(looked=False)
        machine.containers = former.containers
        machine.look()
        opens_session(machine)
        machine.wait(1)
        assert machine.running() == []
        assert machine.newest.phase is Phase.EXITED

        machine.order(run(first_restart=1, on_disconnect="stop", restart="never"))

        assert [type(step) for step in machine.done] == [Create, Start]
        assert machine.newest.failures_in_row == 0

    def test_one_that_was_ordered_away_is_removed(self, machine: Machine) -> None:
        machine.order(run(on_disconnect="stop"))
        machine.bitten(noticed=False)

        machine.order(remove())

        assert machine.containers == {}
        assert machine.newest.phase is Phase.REMOVED
