"""Defects that simulated histories brought to light, each as the shortest story that shows it."""

from __future__ import annotations

import msgspec
import pytest

from cube.core.worker import inputs
from cube.core.worker.steps import Create, Halt, Start
from cube.model.allocation import Phase
from cube.model.container import ContainerState
from tests.core.worker.machine import ID, NO_ANSWER, Machine, remove, run


@pytest.fixture
def machine() -> Machine:
    return Machine()


def opens_session(machine: Machine, epoch: int = 1) -> None:
    machine.tell(inputs.SessionOpened(epoch, 4.0, machine.seconds))


def test_what_was_stopped_for_want_of_a_lease_runs_again_when_that_lease_is_confirmed(
    machine: Machine,
) -> None:
    opens_session(machine)
    machine.order(run(on_disconnect="stop"))
    machine.wait(3)
    assert machine.running() == []

    machine.tell(inputs.LeaseConfirmed(machine.seconds))

    assert len(machine.running()) == 1


def test_a_lease_confirmed_too_late_starts_nothing(machine: Machine) -> None:
    opens_session(machine)
    machine.order(run(on_disconnect="stop"))
    sent_at = machine.seconds
    machine.wait(3)

    machine.tell(inputs.LeaseConfirmed(sent_at))

    assert machine.running() == []


def test_an_exclusive_task_between_two_runs_waits_for_its_order_in_a_later_session(
    machine: Machine,
) -> None:
    opens_session(machine)
    machine.order(run(on_disconnect="stop"))
    machine.wait(1.95)
    machine.exits(1)
    machine.wait(5)
    assert machine.running() == []

    opens_session(machine, 2)
    machine.wait(1)
    assert machine.running() == []

    machine.tell(inputs.LeaseConfirmed(machine.seconds))
    machine.order(run(on_disconnect="stop"))
    machine.wait(1)
    assert len(machine.running()) == 1


def test_a_container_made_after_its_removal_was_told_is_reported(machine: Machine) -> None:
    machine.order(run())
    (seen,) = machine.running()
    late = Machine()
    late.containers[seen.id] = msgspec.structs.replace(seen, state=ContainerState.CREATED)

    late.look()

    assert [report.phase for report in late.reports] == [Phase.CREATING]


def test_a_slow_answer_to_a_start_does_not_bring_back_a_run_that_has_ended(
    machine: Machine,
) -> None:
    machine.holding_back = True
    machine.order(run())
    machine.release()
    (seen,) = machine.running()
    other = Machine()
    other.holding_back = True
    other.order(run())
    (create,) = other.pending
    made = msgspec.structs.replace(seen, state=ContainerState.CREATED, started_ms=0)
    other.pending.clear()
    other.tell(inputs.StepDone(create, made))
    (start,) = other.pending
    other.pending.clear()
    other.ends(seen, 1)

    other.tell(inputs.StepDone(start, seen))
    other.wait(1)

    assert [step for step in other.pending if isinstance(step, Halt)] == []
    assert isinstance(other.pending[0], Create)


def test_a_start_repeated_after_the_run_it_began_has_ended_is_told_as_the_next_run(
    machine: Machine,
) -> None:
    machine.order(run())
    (seen,) = machine.running()
    other = Machine()
    other.holding_back = True
    other.order(run())
    made = msgspec.structs.replace(seen, state=ContainerState.CREATED, started_ms=0)
    other.tell(inputs.StepDone(other.pending.pop(), made))
    other.tell(inputs.StepFailed(other.pending.pop(), NO_ANSWER))
    other.wait(1)
    repeated = other.pending.pop()
    other.ends(seen, 1)
    again = msgspec.structs.replace(seen, started_ms=other.now.wall_ms)

    other.tell(inputs.StepDone(repeated, again))
    other.wait(1)

    assert isinstance(repeated, Start)
    assert other.pending == []
    assert (other.newest.phase, other.newest.restart) == (Phase.RUNNING, 1)


def test_a_session_opened_between_two_runs_does_not_leave_the_next_one_exited(
    machine: Machine,
) -> None:
    machine.order(run())
    machine.exits(1)
    machine.holding_back = True
    machine.wait(0.2)
    opens_session(machine)

    machine.release()

    assert machine.newest.phase is Phase.RUNNING


def test_a_container_restarted_by_hand_is_counted_on_by_a_worker_that_forgot(
    machine: Machine,
) -> None:
    machine.order(run())
    machine.restart_worker()

    machine.order(msgspec.structs.replace(run(first_restart=2), runs_over=1))

    assert (machine.newest.phase, machine.newest.restart) == (Phase.RUNNING, 2)


def test_stopping_an_older_container_is_not_told_as_the_end_of_the_present_run(
    machine: Machine,
) -> None:
    machine.order(run())
    (first,) = machine.running()
    machine.exits(1)
    machine.wait(0.2)
    machine.holding_back = True
    machine.outside(machine.containers[first.id], state=ContainerState.RUNNING, started_ms=1)
    machine.wait(2)

    assert isinstance(machine.pending[0], Halt)
    assert machine.newest.phase is Phase.RUNNING


def test_a_container_started_by_hand_while_it_is_stopped_is_told_as_running(
    machine: Machine,
) -> None:
    opens_session(machine)
    machine.order(run(on_disconnect="stop"))
    machine.holding_back = True
    machine.wait(3.1)
    assert machine.newest.phase is Phase.STOPPING
    (halt,) = machine.pending
    opens_session(machine, 2)
    machine.order(run(on_disconnect="stop"))
    (seen,) = machine.running()
    machine.outside(seen, started_ms=seen.started_ms + 9_000)

    machine.tell(inputs.StepFailed(halt, NO_ANSWER))
    machine.tell(inputs.LeaseConfirmed(machine.seconds))

    assert machine.newest.phase is Phase.RUNNING


def test_the_spec_a_container_was_made_for_outweighs_that_of_a_later_order(
    machine: Machine,
) -> None:
    machine.order(run())
    containers = dict(machine.containers)
    late = Machine(looked=False)
    late.order(run(first_restart=1, on_disconnect="stop"))
    late.containers.update(containers)
    late.look()

    late.wait(10)

    workload = late.core.get(ID)
    assert workload is not None
    assert workload.spec == run().spec
    assert not any(isinstance(step, Halt | Start) for step in late.done)


def test_a_run_whose_former_one_is_over_on_record_begins_although_nothing_of_both_is_left(
    machine: Machine,
) -> None:
    order = run(first_restart=1, restart="never")  # run 0 was stopped for want of a lease

    machine.order(msgspec.structs.replace(order, runs_over=1))

    assert (machine.newest.phase, machine.newest.restart) == (Phase.RUNNING, 1)


@pytest.mark.parametrize("ill", [True, False])
def test_a_stop_that_failed_is_asked_for_again_after_the_lease_and_keeps_nobody_busy(
    machine: Machine, ill: bool
) -> None:
    opens_session(machine)
    machine.order(run(on_disconnect="stop", health={"kind": "tcp", "port": 80, "failures": 1}))
    machine.answer_probes(True)
    if ill:
        machine.seconds += 1.9
        machine.tell(inputs.Tick())
        machine.failing = [NO_ANSWER] * 3
        machine.answer_probes(False, "connection refused")
    machine.failing = [NO_ANSWER] * 3
    machine.seconds += 3  # its lease is over
    machine.tell(inputs.Tick())
    machine.seconds += 0.001
    machine.tell(inputs.Tick())

    assert len(machine.running()) == 1
    assert machine.look_again_at is not None
    assert machine.look_again_at > machine.seconds
    machine.wait(20)
    assert machine.running() == []


def test_a_container_restarted_by_hand_stays_where_the_order_came_before_the_first_look(
    machine: Machine,
) -> None:
    machine.order(run(restart="never"))
    containers = dict(machine.containers)
    late = Machine(looked=False)
    late.containers.update(containers)

    order = run(first_restart=2, restart="never")
    late.order(msgspec.structs.replace(order, runs_over=1))  # run 1 was begun by hand
    late.look()

    assert late.done == []
    assert (late.newest.phase, late.newest.restart) == (Phase.RUNNING, 2)


def test_a_newer_run_that_somebody_else_began_is_the_present_one(machine: Machine) -> None:
    machine.order(run())
    (first,) = machine.running()
    label = msgspec.structs.replace(first.label, restart=4)
    copy = msgspec.structs.replace(first, id="copy", label=label, started_ms=first.started_ms + 1)
    machine.containers[copy.id] = copy

    machine.look()

    assert (machine.newest.phase, machine.newest.restart) == (Phase.RUNNING, 4)
    assert [seen.id for seen in machine.running()] == ["copy"]


def test_a_container_of_an_earlier_run_that_turns_up_is_not_the_present_one(
    machine: Machine,
) -> None:
    machine.order(run())
    (first,) = machine.running()
    machine.exits(1)
    machine.wait(1)
    (second,) = machine.running()
    machine.containers["copy"] = msgspec.structs.replace(
        first, id="copy", state=ContainerState.EXITED
    )

    machine.look()

    assert [seen.id for seen in machine.running()] == [second.id]
    assert machine.newest.container_id == second.id


def test_of_orders_before_the_first_look_a_removal_counts_whatever_else_was_ordered() -> None:
    machine = Machine(looked=False)

    machine.order(run())
    machine.order(remove())
    machine.order(run())
    machine.look()

    assert machine.done == []
    assert machine.newest.phase is Phase.REMOVED


def test_a_run_that_is_on_record_as_being_stopped_and_runs_is_told_as_the_next(
    machine: Machine,
) -> None:
    machine.order(run())

    order = run(first_restart=1)  # put back to when a removal was under way that was never ordered
    machine.order(msgspec.structs.replace(order, runs_over=1))

    assert len(machine.running()) == 1
    assert (machine.newest.phase, machine.newest.restart) == (Phase.RUNNING, 1)


def test_a_run_that_is_truly_being_stopped_is_not_told_as_the_next(machine: Machine) -> None:
    opens_session(machine)
    machine.order(run(on_disconnect="stop"))
    machine.holding_back = True
    machine.wait(3.1)
    assert machine.newest.phase is Phase.STOPPING
    opens_session(machine, 2)

    order = run(on_disconnect="stop", first_restart=1)
    machine.order(msgspec.structs.replace(order, runs_over=1))

    assert (machine.newest.phase, machine.newest.restart) == (Phase.STOPPING, 0)
