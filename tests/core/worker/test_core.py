"""Stories of one allocation on one machine."""

from __future__ import annotations

import pytest

from cube.core.worker import inputs
from cube.core.worker.steps import Create, Discard, Halt, Pull, Start
from cube.model.allocation import Exit, Failure, FailureKind, Health, Phase
from cube.model.container import ContainerState
from cube.model.ids import AllocationId
from cube.model.orders import Holding
from tests.core.worker.machine import ID, NO_ANSWER, Machine, remove, run

OTHER = AllocationId("t.2.1")
ENGINE_AWAY = Failure(FailureKind.ENGINE_AWAY, "the engine does not answer")
DENIED = Failure(FailureKind.REGISTRY_DENIED, "pull access denied for nginx")


@pytest.fixture
def machine() -> Machine:
    return Machine()


def kinds(machine: Machine) -> list[str]:
    return [type(step).__name__ for step in machine.done]


class TestStarting:
    def test_an_order_creates_and_starts_and_is_reported_once(self, machine: Machine) -> None:
        machine.order(run())
        assert kinds(machine) == ["Create", "Start"]
        assert machine.phases == ["RUNNING"]
        assert machine.newest.container_id == "c1"
        assert machine.newest.address == "172.17.0.2"

    def test_a_repeated_order_does_nothing(self, machine: Machine) -> None:
        machine.order(run())
        machine.order(run())
        machine.look()
        assert kinds(machine) == ["Create", "Start"]
        assert machine.phases == ["RUNNING"]

    def test_a_missing_image_is_pulled(self, machine: Machine) -> None:
        machine.images.clear()
        machine.order(run())
        assert kinds(machine) == ["Create", "Pull", "Create", "Start"]
        assert machine.phases == ["PULLING", "RUNNING"]

    def test_pull_always_pulls_first(self, machine: Machine) -> None:
        machine.order(run(pull="always"))
        assert kinds(machine) == ["Pull", "Create", "Start"]

    def test_pull_never_makes_a_missing_image_final(self, machine: Machine) -> None:
        machine.images.clear()
        machine.order(run(pull="never"))
        assert kinds(machine) == ["Create"]
        assert machine.newest.phase is Phase.FAILED

    def test_a_denied_image_is_tried_twice(self, machine: Machine) -> None:
        machine.failing = [DENIED, DENIED]
        machine.order(run(pull="always"))
        assert machine.newest.phase is Phase.PULLING
        assert machine.newest.retry_in_ms == 1000
        machine.wait(1.0)
        assert machine.newest.phase is Phase.FAILED
        assert machine.newest.message == DENIED.message
        assert kinds(machine) == ["Pull", "Pull"]

    def test_a_taken_port_is_for_the_manager_to_solve(self, machine: Machine) -> None:
        machine.failing = [Failure(FailureKind.PORT_TAKEN, "port 80 is taken")]
        machine.order(run())
        assert machine.newest.phase is Phase.FAILED
        assert machine.newest.failure is not None
        assert machine.newest.failure.kind is FailureKind.PORT_TAKEN

    def test_an_engine_that_is_away_is_asked_for_ever_and_not_counted(
        self, machine: Machine
    ) -> None:
        machine.failing = [ENGINE_AWAY] * 10
        machine.order(run(max_restarts=1))
        assert machine.newest.failure == ENGINE_AWAY
        assert machine.newest.phase is Phase.CREATING
        machine.wait(300)
        assert machine.newest.phase is Phase.RUNNING
        assert machine.newest.restart == 0
        assert machine.newest.failure is None

    def test_a_lost_answer_of_create_makes_no_second_container(self, machine: Machine) -> None:
        machine.holding_back = True
        machine.order(run())
        (create,) = machine.pending
        assert isinstance(create, Create)
        machine._do(create)
        machine.pending.clear()
        machine.holding_back = False
        machine.tell(
            inputs.StepFailed(create, Failure(FailureKind.ENGINE_SLOW, "no answer in 30 s"))
        )
        machine.wait(5)
        assert len(machine.containers) == 1
        assert machine.newest.phase is Phase.RUNNING

    def test_a_slow_create_is_told_after_a_second(self, machine: Machine) -> None:
        machine.holding_back = True
        machine.order(run())
        assert machine.phases == []
        machine.wait(1.0)
        assert machine.phases == ["CREATING"]

    def test_progress_is_told_at_most_once_a_second(self, machine: Machine) -> None:
        machine.holding_back = True
        machine.order(run(pull="always"))
        for done in range(1, 30):
            machine.seconds += 0.1
            machine.tell(inputs.Pulled(ID, done, 100))
        assert [r.message for r in machine.reports] == [
            "",
            "pulling nginx, 10 % of 0.0 MiB",
            "pulling nginx, 20 % of 0.0 MiB",
        ]

    def test_nothing_happens_before_the_engine_was_looked_at(self) -> None:
        machine = Machine(looked=False)
        machine.order(run(), remove(OTHER))
        assert machine.done == []
        assert machine.reports == []
        machine.look()
        assert sorted(machine.phases) == ["REMOVED", "RUNNING"]

    def test_runs_the_manager_knows_of_but_nobody_finds_were_removed_outside(
        self, machine: Machine
    ) -> None:
        machine.order(run(first_restart=3))
        assert machine.newest.phase is Phase.EXITED
        assert machine.newest.restart == 2
        machine.wait(1)
        assert (machine.newest.phase, machine.newest.restart) == (Phase.RUNNING, 3)


class TestEnding:
    @pytest.mark.parametrize(
        ("policy", "code", "phase"),
        [
            ("always", 0, Phase.EXITED),
            ("always", 1, Phase.EXITED),
            ("on-failure", 0, Phase.COMPLETED),
            ("on-failure", 1, Phase.EXITED),
            ("never", 0, Phase.COMPLETED),
            ("never", 1, Phase.FAILED),
        ],
    )
    def test_the_policy_decides(
        self, machine: Machine, policy: str, code: int, phase: Phase
    ) -> None:
        machine.order(run(restart=policy))
        machine.exits(code)
        assert machine.newest.phase is phase
        assert machine.newest.exit == Exit(code)

    def test_the_next_run_is_a_new_container_with_the_next_number(self, machine: Machine) -> None:
        machine.order(run())
        machine.exits(1)
        assert machine.newest.retry_in_ms == 100
        machine.wait(0.1)
        assert machine.newest.phase is Phase.RUNNING
        assert machine.newest.restart == 1
        assert machine.newest.container_id == "c2"
        assert machine.newest.exit == Exit(1)
        assert set(machine.containers) == {"c1", "c2"}

    def test_only_the_newest_ended_container_is_kept(self, machine: Machine) -> None:
        machine.order(run())
        for _ in range(4):
            machine.exits(1)
            machine.wait(10)
        assert set(machine.containers) == {"c4", "c5"}

    def test_pauses_double_and_start_over_after_a_stable_run(self, machine: Machine) -> None:
        machine.order(run())
        pauses = []
        for _ in range(4):
            machine.exits(1)
            pauses.append(machine.newest.retry_in_ms)
            machine.wait(1)
        assert pauses == [100, 200, 400, 800]
        machine.wait(60)
        machine.exits(1)
        assert machine.newest.retry_in_ms == 100
        assert machine.newest.failures_in_row == 1

    def test_a_pause_counts_from_the_end_and_not_from_when_it_was_noticed(
        self, machine: Machine
    ) -> None:
        machine.order(run())
        (seen,) = machine.running()
        machine.ends(seen, 1, noticed=False)
        machine.seconds += 0.06
        machine.look()
        machine.wait(0.03)
        assert machine.running() == []
        machine.wait(0.02)
        assert len(machine.running()) == 1

    def test_an_end_that_was_noticed_very_late_is_still_paused_for(self, machine: Machine) -> None:
        machine.order(run())
        for _ in range(5):
            machine.exits(1)
            machine.wait(2)
        (seen,) = machine.running()
        machine.ends(seen, 1, noticed=False)
        machine.seconds += 2
        machine.look()
        assert machine.running() == []

    @pytest.mark.parametrize("failing", [[], [ENGINE_AWAY]], ids=["done", "failed"])
    def test_a_run_that_ends_while_an_older_container_is_removed_is_paused_for_too(
        self, machine: Machine, failing: list[Failure]
    ) -> None:
        machine.order(run())
        machine.exits(1)
        machine.wait(0.15)
        machine.exits(1)
        machine.holding_back = True
        machine.wait(0.25)
        machine.release_one()  # the third run's Create
        machine.release_one()  # and Start
        assert machine.pending == [Discard(ID, "c1")]
        machine.exits(1)
        machine.failing = failing
        machine.release_one()
        machine.wait(0.39)
        assert machine.pending == []
        assert machine.newest.retry_in_ms == 400
        machine.wait(0.7)  # an engine that fails is left alone for longer
        assert [type(step) for step in machine.pending] == [Create]

    def test_a_crash_loop_is_told_a_bounded_number_of_times(self, machine: Machine) -> None:
        machine.order(run(restart="always"))
        end = machine.seconds + 300
        while machine.seconds < end:
            for _ in machine.running():
                machine.exits(1)
            machine.wait(0.1)
        assert machine.newest.restart <= 20
        assert len(machine.reports) <= 2 * (machine.newest.restart + 1)
        assert len(machine.containers) <= 2

    def test_max_restarts_ends_it(self, machine: Machine) -> None:
        machine.order(run(max_restarts=2))
        for _ in range(3):
            machine.exits(137, out_of_memory=True)
            machine.wait(1)
        assert machine.newest.phase is Phase.FAILED
        assert machine.newest.message == "gave up after 2 restarts: exit 137 (out of memory)"

    def test_removed_outside_is_a_failure_and_restarted(self, machine: Machine) -> None:
        machine.order(run(restart="always"))
        machine.removed_outside()
        assert machine.newest.failure is not None
        assert machine.newest.failure.kind is FailureKind.REMOVED_OUTSIDE
        machine.wait(1)
        assert (machine.newest.phase, machine.newest.restart) == (Phase.RUNNING, 1)

    def test_started_again_outside_goes_on_under_the_next_number(self, machine: Machine) -> None:
        machine.order(run())
        machine.exits(1)
        machine.seconds += 0.05
        machine.outside(
            machine.containers["c1"], state=ContainerState.RUNNING, started_ms=machine.now.wall_ms
        )
        assert (machine.newest.phase, machine.newest.restart) == (Phase.RUNNING, 1)
        machine.wait(10)
        assert set(machine.containers) == {"c1"}

    def test_an_older_run_started_outside_is_stopped_for_the_newer(self, machine: Machine) -> None:
        machine.order(run())
        machine.exits(1)
        machine.wait(1)
        machine.outside(
            machine.containers["c1"], state=ContainerState.RUNNING, started_ms=machine.now.wall_ms
        )
        assert machine.done[-1] == Halt(ID, "c1", "", 10_000)
        assert [seen.id for seen in machine.running()] == ["c2"]

    def test_a_new_run_waits_for_the_step_in_flight(self, machine: Machine) -> None:
        machine.order(run(health=CHECK))
        machine.answer_probes(True)
        machine.holding_back = True
        for _ in range(3):
            machine.wait(5)
            machine.answer_probes(False, "HTTP 500")
        machine.exits(137)
        machine.wait(10)
        assert machine.pending == [Halt(ID, "c1", "", 10_000)]
        machine.release()
        assert [seen.id for seen in machine.running()] == ["c2"]

    def test_an_answer_to_no_step_in_flight_changes_nothing(self, machine: Machine) -> None:
        machine.order(run())
        machine.tell(inputs.StepFailed(Start(ID, "c9"), ENGINE_AWAY))
        machine.tell(inputs.StepDone(Discard(ID, "c1")))
        assert machine.phases == ["RUNNING"]

    def test_an_exit_seen_before_the_answer_to_start_is_not_undone(self, machine: Machine) -> None:
        machine.order(run())
        started = machine.containers["c1"]
        machine.exits(1)
        machine.tell(inputs.Looked((started,), machine.seconds - 1))
        assert machine.newest.phase is Phase.EXITED


class TestRemoving:
    def test_it_is_stopped_removed_and_reported(self, machine: Machine) -> None:
        machine.order(run(stop_grace_ms=500))
        machine.order(remove())
        assert machine.done[2:] == [Halt(ID, "c1", "", 500), Discard(ID, "c1")]
        assert machine.containers == {}
        assert machine.newest.phase is Phase.REMOVED

    def test_how_it_ended_when_it_was_ordered_away_is_told(self, machine: Machine) -> None:
        machine.order(run())
        machine.exits(1)
        machine.wait(1)
        machine.order(remove())
        assert (machine.newest.phase, machine.newest.exit) == (Phase.REMOVED, Exit(143))

    def test_the_unknown_is_reported_removed_at_once(self, machine: Machine) -> None:
        machine.order(remove())
        assert machine.phases == ["REMOVED"]

    def test_a_pull_is_cancelled_and_nothing_starts_later(self, machine: Machine) -> None:
        machine.holding_back = True
        machine.order(run(pull="always"))
        machine.order(remove())
        assert machine.cancelled == [ID]
        machine.tell(inputs.StepCancelled(Pull(ID, "nginx")))
        assert machine.newest.phase is Phase.REMOVED
        machine.order(run())
        machine.wait(100)
        assert machine.containers == {}

    def test_a_create_in_flight_is_waited_for(self, machine: Machine) -> None:
        machine.holding_back = True
        machine.order(run())
        machine.order(remove())
        machine.release()
        assert kinds(machine) == ["Create", "Discard"]
        assert machine.newest.phase is Phase.REMOVED

    def test_a_container_whose_making_was_not_confirmed_is_looked_for(
        self, machine: Machine
    ) -> None:
        machine.answers_lost = 1
        machine.order(run())
        assert set(machine.containers) == {"c1"}
        machine.order(remove())
        assert machine.containers == {}
        assert machine.newest.phase is Phase.REMOVED

    def test_engine_errors_are_retried_for_ever(self, machine: Machine) -> None:
        machine.order(run())
        machine.failing = [ENGINE_AWAY] * 8
        machine.order(remove())
        assert machine.newest.phase is Phase.STOPPING
        assert "cannot be removed yet" in machine.newest.message
        machine.wait(600)
        assert machine.newest.phase is Phase.REMOVED

    def test_it_is_forgotten_once_acknowledged_and_an_old_look_does_not_bring_it_back(
        self, machine: Machine
    ) -> None:
        machine.order(run())
        before, began = tuple(machine.containers.values()), machine.seconds
        machine.seconds += 1
        machine.order(remove())
        assert machine.core.get(ID) is not None
        machine.tell(inputs.Acknowledged(((ID, machine.newest.sequence),)))
        assert machine.core.get(ID) is None
        machine.tell(inputs.Looked(before, began))
        assert machine.core.get(ID) is None


CHECK = {"kind": "http", "port": 80}


class TestHealth:
    def test_a_passing_probe_makes_it_healthy(self, machine: Machine) -> None:
        machine.order(run(health=CHECK))
        assert machine.newest.health is Health.STARTING
        assert len(machine.probes) == 1
        machine.answer_probes(True)
        assert machine.newest.health is Health.HEALTHY

    def test_at_most_one_probe_is_in_flight(self, machine: Machine) -> None:
        machine.order(run(health=CHECK))
        machine.wait(60)
        assert len(machine.probes) == 1

    def test_failures_restart_it_with_the_last_answer_as_the_reason(self, machine: Machine) -> None:
        machine.order(run(health=CHECK))
        machine.answer_probes(True)
        for _ in range(3):
            machine.wait(5)
            machine.answer_probes(False, "HTTP 500")
        ended = next(r for r in machine.reports if r.phase is Phase.EXITED)
        assert ended.failure is not None
        assert ended.failure.kind is FailureKind.UNHEALTHY
        assert "HTTP 500" in ended.failure.message
        assert any(r.health is Health.UNHEALTHY for r in machine.reports)
        machine.wait(1)
        assert (machine.newest.phase, machine.newest.restart) == (Phase.RUNNING, 1)

    def test_a_paused_container_is_not_probed(self, machine: Machine) -> None:
        machine.order(run(health=CHECK))
        machine.answer_probes(True)
        machine.outside(machine.containers["c1"], state=ContainerState.PAUSED)
        machine.wait(60)
        assert machine.probes == []

    def test_a_pause_that_a_probe_finds_first_is_no_illness(self, machine: Machine) -> None:
        machine.order(run(health=CHECK | {"failures": 1}))
        machine.answer_probes(True)
        machine.wait(5)
        (probe,) = machine.probes
        machine.tell(inputs.Probed(probe.id, probe.container_id, False, "it is paused", True))
        assert machine.newest.health is Health.HEALTHY
        machine.wait(5)
        assert len(machine.probes) == 2  # it is asked again

    def test_a_pause_is_told_and_stops_the_clock_of_the_probes(self, machine: Machine) -> None:
        machine.order(run(health=CHECK | {"failures": 1}))
        machine.answer_probes(True)
        machine.wait(5)
        machine.outside(machine.containers["c1"], state=ContainerState.PAUSED)
        assert (machine.newest.phase, machine.newest.paused) == (Phase.RUNNING, True)
        assert machine.newest.message.startswith("paused outside cube")
        machine.answer_probes(False, "no answer")  # of a probe sent before the pause
        assert machine.newest.health is Health.HEALTHY
        machine.outside(machine.containers["c1"], state=ContainerState.RUNNING)
        assert (machine.newest.paused, machine.newest.message) == (False, "")
        machine.wait(5)
        machine.answer_probes(True)
        assert [seen.id for seen in machine.running()] == ["c1"]
        assert machine.newest.restart == 0


class TestWorkerRestart:
    def test_running_containers_go_on_untouched(self, machine: Machine) -> None:
        machine.order(run(), run(OTHER))
        done = len(machine.done)
        machine.restart_worker()
        machine.wait(100)
        assert len(machine.done) == done
        assert machine.core.holding == (Holding(id=ID), Holding(id=OTHER))

    def test_policy_and_count_are_in_the_labels(self, machine: Machine) -> None:
        machine.order(run(max_restarts=1))
        machine.exits(1)
        machine.wait(1)
        machine.restart_worker()
        machine.exits(1)
        assert machine.newest.phase is Phase.FAILED

    def test_what_ended_meanwhile_waits_a_little_for_the_manager(self, machine: Machine) -> None:
        machine.order(run())
        machine.restart_worker()
        seen = machine.containers["c1"]
        machine.containers["c1"] = type(seen)(
            id="c1", label=seen.label, state=ContainerState.EXITED, exit=Exit(1), started_ms=1
        )
        machine.restart_worker()
        assert machine.running() == []
        machine.wait(5)
        assert len(machine.running()) == 1

    def test_an_order_ends_that_wait(self, machine: Machine) -> None:
        machine.order(run())
        seen = machine.containers["c1"]
        machine.containers["c1"] = type(seen)(
            id="c1", label=seen.label, state=ContainerState.EXITED, exit=Exit(1), started_ms=1
        )
        machine.restart_worker()
        machine.order(run())
        machine.wait(0.2)
        assert len(machine.running()) == 1

    def test_a_container_made_but_never_started_waits_for_an_order(self, machine: Machine) -> None:
        machine.failing = []
        machine.holding_back = True
        machine.order(run())
        create = machine.pending[0]
        machine._do(create)
        machine.holding_back = False
        machine.restart_worker()
        machine.wait(60)
        assert machine.running() == []
        machine.order(run())
        assert machine.done[-1] == Start(ID, "c1")

    def test_a_long_healthy_container_stays_in_service(self, machine: Machine) -> None:
        machine.order(run(health={"kind": "tcp", "port": 80}))
        machine.answer_probes(True)
        machine.wait(100)
        machine.restart_worker()
        assert machine.newest.health is Health.HEALTHY


class TestSessions:
    def test_a_new_session_is_told_everything_under_its_epoch(self, machine: Machine) -> None:
        machine.order(run())
        machine.tell(inputs.SessionOpened(7, 4.0, machine.seconds))
        assert machine.newest.epoch == 7
        assert machine.phases == ["RUNNING", "RUNNING"]

    def test_a_lease_that_became_longer_stops_nothing_earlier(self, machine: Machine) -> None:
        machine.tell(inputs.SessionOpened(1, 4.0, machine.seconds))
        machine.order(run(on_disconnect="stop", restart="never"))
        machine.tell(inputs.LeaseConfirmed(machine.seconds, 40.0))
        machine.wait(19.9)
        assert len(machine.running()) == 1
        machine.wait(0.2)
        assert machine.running() == []

    def test_it_knows_which_containers_run(self, machine: Machine) -> None:
        machine.order(run())
        assert machine.core.runs("c1")
        assert not machine.core.runs("of somebody else")
        machine.order(remove())
        assert not machine.core.runs("c1")

    def test_without_the_manager_a_kept_task_runs_on(self, machine: Machine) -> None:
        machine.tell(inputs.SessionOpened(1, 4.0, machine.seconds))
        machine.order(run())
        machine.wait(3600)
        assert len(machine.running()) == 1

    def test_a_bound_task_is_stopped_before_the_lease_ends_and_needs_a_new_order(
        self, machine: Machine
    ) -> None:
        machine.tell(inputs.SessionOpened(1, 4.0, machine.seconds))
        machine.order(run(on_disconnect="stop", restart="never"))
        machine.wait(1)
        machine.tell(inputs.LeaseConfirmed(machine.seconds))
        machine.wait(1.9)
        assert len(machine.running()) == 1
        machine.wait(0.1)
        assert machine.running() == []
        assert machine.done[-1] == Halt(ID, "c1", "", 1000)
        assert machine.newest.phase is Phase.EXITED
        assert "the manager was away" in machine.newest.message
        machine.wait(3600)
        machine.tell(inputs.SessionOpened(2, 4.0, machine.seconds))
        assert machine.running() == []
        machine.order(run(on_disconnect="stop", restart="never"))
        assert len(machine.running()) == 1
        assert machine.newest.restart == 1

    def test_a_bound_container_that_vanishes_while_it_is_stopped_needs_an_order_too(
        self, machine: Machine
    ) -> None:
        machine.order(run(on_disconnect="stop"))
        machine.holding_back = True
        machine.wait(2)
        (halt,) = machine.pending
        machine.containers.clear()
        machine.tell(inputs.StepDone(halt))
        machine.wait(100)
        assert machine.newest.phase is Phase.EXITED
        assert machine.pending == [halt]

    def test_an_order_during_the_stop_starts_the_next_run_after_it(self, machine: Machine) -> None:
        machine.order(run(on_disconnect="stop"))
        machine.holding_back = True
        machine.wait(2)
        machine.tell(inputs.SessionOpened(2, 4.0, machine.seconds))
        machine.order(run(on_disconnect="stop"))
        machine.release()
        assert kinds(machine) == ["Create", "Start", "Halt", "Create", "Start"]
        assert machine.newest.failures_in_row == 0

    def test_a_stop_that_was_called_off_and_did_not_happen_is_not_tried_again(
        self, machine: Machine
    ) -> None:
        machine.order(run(on_disconnect="stop"))
        machine.holding_back = True
        machine.wait(2)
        (halt,) = machine.pending
        machine.tell(inputs.SessionOpened(2, 1e6, machine.seconds))
        machine.order(run(on_disconnect="stop"))
        machine.pending.clear()
        machine.tell(inputs.StepFailed(halt, NO_ANSWER))
        machine.release()
        machine.wait(100)
        assert kinds(machine) == ["Create", "Start"]
        assert len(machine.running()) == 1


class TestLookingAround:
    def test_an_order_before_the_first_look_takes_up_what_is_there(self, machine: Machine) -> None:
        machine.order(run())
        machine.exits(1)
        machine.wait(1)
        late = Machine(looked=False)
        late.containers = dict(reversed(machine.containers.items()))
        late.order(run())
        late.look()
        assert late.done == []
        assert (late.newest.phase, late.newest.restart) == (Phase.RUNNING, 1)
        assert late.core.holding == (Holding(id=ID, restart=1),)

    def test_the_step_in_flight_on_a_container_is_known(self, machine: Machine) -> None:
        machine.order(run())
        assert machine.core.step_on("c1") is None
        machine.holding_back = True
        machine.order(remove())
        assert machine.core.step_on("c1") == Halt(ID, "c1", "", 10_000)
        assert machine.core.step_on("c9") is None

    def test_an_exit_the_engine_cannot_explain_is_no_success(self, machine: Machine) -> None:
        machine.order(run(restart="never"))
        machine.outside(machine.containers["c1"], state=ContainerState.EXITED)
        assert machine.newest.phase is Phase.FAILED

    def test_what_nobody_knows_changes_nothing(self, machine: Machine) -> None:
        machine.tell(inputs.Pulled(ID, 1, 2))
        machine.tell(inputs.Probed(ID, "c1", True))
        machine.tell(inputs.Saw("c1", None, machine.seconds))
        assert machine.told == []

    def test_a_late_answer_of_a_former_container_is_not_taken_for_the_present_one(
        self, machine: Machine
    ) -> None:
        machine.order(run(health=CHECK))
        machine.exits(1)
        machine.wait(1)
        machine.tell(inputs.Probed(ID, "c1", True))
        assert machine.newest.health is Health.STARTING

    def test_a_slow_stop_is_told_with_its_reason(self, machine: Machine) -> None:
        machine.order(run(health=CHECK))
        machine.answer_probes(True)
        machine.holding_back = True
        for _ in range(3):
            machine.wait(5)
            machine.answer_probes(False, "HTTP 500")
        machine.wait(1)
        assert machine.newest.phase is Phase.STOPPING
        assert "HTTP 500" in machine.newest.message

    def test_an_unhealthy_container_that_vanishes_was_unhealthy(self, machine: Machine) -> None:
        machine.order(run(health=CHECK))
        machine.answer_probes(True)
        machine.holding_back = True
        for _ in range(3):
            machine.wait(5)
            machine.answer_probes(False, "HTTP 500")
        machine.tell(inputs.StepDone(machine.pending[0]))
        assert machine.newest.failure is not None
        assert machine.newest.failure.kind is FailureKind.UNHEALTHY

    def test_a_container_of_a_newer_run_than_known_is_the_present_one(
        self, machine: Machine
    ) -> None:
        machine.order(run())
        first = dict(machine.containers)
        machine.exits(1)
        machine.wait(1)
        newer = machine.containers
        machine.containers = first
        machine.restart_worker()
        machine.containers = newer
        machine.look()
        assert (machine.newest.container_id, machine.newest.restart) == ("c2", 1)

    def test_a_pull_of_unknown_size_is_told_without_a_share(self, machine: Machine) -> None:
        machine.holding_back = True
        machine.order(run(pull="always"))
        machine.seconds += 1
        machine.tell(inputs.Pulled(ID, 5, 0))
        assert machine.newest.message == "pulling nginx"

    def test_a_completed_container_started_again_outside_stays_completed(
        self, machine: Machine
    ) -> None:
        machine.order(run())
        machine.exits(0)
        machine.seconds += 1
        machine.outside(
            machine.containers["c1"], state=ContainerState.RUNNING, started_ms=machine.now.wall_ms
        )
        machine.wait(100)
        assert machine.newest.phase is Phase.COMPLETED
        assert kinds(machine) == ["Create", "Start"]


class TestWhatComesInBetween:
    def test_a_container_that_vanished_before_its_start_is_an_end_of_the_run(
        self, machine: Machine
    ) -> None:
        machine.holding_back = True
        machine.order(run())
        (create,) = machine.pending
        machine.pending.clear()
        machine.tell(inputs.StepDone(create, machine._create(create), took_ms=5))  # type: ignore[arg-type]
        machine.containers.clear()
        machine.release()
        assert machine.newest.phase is Phase.EXITED
        assert machine.newest.failure is not None
        assert machine.newest.failure.kind is FailureKind.REMOVED_OUTSIDE
        machine.wait(1)
        assert (machine.newest.phase, machine.newest.restart) == (Phase.RUNNING, 1)

    def test_an_unhealthy_container_that_can_not_be_stopped_yet_still_runs(
        self, machine: Machine
    ) -> None:
        machine.order(run(health=CHECK))
        machine.answer_probes(True)
        for failing in ([], [], [ENGINE_AWAY]):
            machine.failing = failing
            machine.wait(5)
            machine.answer_probes(False, "HTTP 500")
        assert isinstance(machine.done[-1], Halt)
        assert (machine.newest.phase, machine.newest.failure) == (Phase.RUNNING, None)
        assert machine.newest.health is Health.UNHEALTHY
        machine.wait(2)
        assert (machine.newest.phase, machine.newest.restart) == (Phase.RUNNING, 1)

    def test_a_container_that_vanished_while_its_removal_was_retried_is_removed(
        self, machine: Machine
    ) -> None:
        machine.order(run())
        machine.failing = [ENGINE_AWAY]
        machine.order(remove())
        machine.removed_outside()
        machine.wait(2)
        assert machine.newest.phase is Phase.REMOVED

    def test_a_container_that_vanished_after_its_end_does_not_end_twice(
        self, machine: Machine
    ) -> None:
        machine.order(run())
        machine.exits(3)
        machine.containers.clear()
        machine.look()
        assert (machine.newest.phase, machine.newest.restart) == (Phase.EXITED, 0)
        assert (machine.newest.exit, machine.newest.failures_in_row) == (Exit(3), 1)

    def test_a_repeated_order_to_remove_does_not_hurry_the_engine(self, machine: Machine) -> None:
        machine.order(run())
        machine.failing = [ENGINE_AWAY]
        machine.order(remove())
        machine.order(remove())
        assert kinds(machine) == ["Create", "Start", "Halt"]
        machine.wait(2)
        assert machine.newest.phase is Phase.REMOVED

    def test_a_look_older_than_a_removal_brings_nothing_back(self, machine: Machine) -> None:
        machine.order(run())
        machine.exits(1)
        (former,) = machine.containers.values()
        looked_at = machine.seconds
        for _ in range(2):
            machine.wait(1)
            machine.exits(1)
        machine.wait(1)
        assert former.id not in machine.containers
        done = list(machine.done)
        shown = (former, *machine.containers.values())
        machine.tell(inputs.Looked(shown, began=looked_at))
        assert machine.done == done

    def test_a_look_during_a_create_adopts_nothing(self, machine: Machine) -> None:
        machine.holding_back = True
        machine.order(run())
        (create,) = machine.pending
        machine._do(create)
        machine.look()
        machine.release()
        assert kinds(machine) == ["Create", "Start"]
        assert len(machine.containers) == 1

    def test_a_new_session_is_told_nothing_of_what_was_not_reported_yet(
        self, machine: Machine
    ) -> None:
        machine.holding_back = True
        machine.order(run())
        machine.tell(inputs.SessionOpened(2, 4.0, machine.seconds))
        assert machine.reports == []
        machine.release()
        assert (machine.phases, machine.newest.epoch) == (["RUNNING"], 2)

    def test_only_what_is_removed_is_forgotten_when_its_report_is_on_record(
        self, machine: Machine
    ) -> None:
        machine.order(run())
        machine.tell(inputs.Acknowledged(((ID, machine.newest.sequence), (OTHER, 1))))
        assert list(machine.core.workloads()) == [machine.core.get(ID)]
        machine.order(remove())
        machine.tell(inputs.Acknowledged(((ID, machine.newest.sequence),)))
        assert list(machine.core.workloads()) == []
