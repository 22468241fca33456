"""What a worker has to say to a manager that lost its record."""

from __future__ import annotations

from msgspec.structs import replace

from cube.core.worker import inputs
from cube.core.worker.core import WorkerCore
from cube.model.allocation import Phase
from cube.model.ids import AllocationId
from cube.model.orders import Describe, Description, Holding
from tests.core.worker.machine import ID, Machine, remove, run

ASSIGNED_AT = 41


def a_machine() -> Machine:
    machine = Machine()
    machine.order(replace(run(), revision=ASSIGNED_AT))
    return machine


def descriptions(machine: Machine, *ids: AllocationId) -> list[Description]:
    orders = tuple(Describe(id=id) for id in ids)
    return machine.core.handle(inputs.Ordered(orders), machine.now).descriptions


def test_a_container_carries_the_revision_at_which_it_was_assigned() -> None:
    machine = a_machine()
    [container] = machine.running()
    assert container.label.revision == ASSIGNED_AT
    assert machine.core.holding == (Holding(id=ID, restart=0, revision=ASSIGNED_AT),)


def test_a_worker_that_begins_again_finds_the_revision_in_the_label() -> None:
    machine = a_machine()
    machine.core = WorkerCore(draw=lambda id, restart: 1.0)
    machine.look()
    assert machine.core.holding == (Holding(id=ID, restart=0, revision=ASSIGNED_AT),)


def test_it_describes_what_it_was_last_seen_to_do() -> None:
    machine = a_machine()
    [told] = descriptions(machine, ID)
    assert (told.id, told.revision, told.spec) == (ID, ASSIGNED_AT, run().spec)
    assert told.observed.phase is Phase.RUNNING
    assert told.observed.container_id == machine.running()[0].id
    assert told.observed.sequence == machine.newest.sequence


def test_to_describe_changes_nothing() -> None:
    machine = a_machine()
    before = (machine.phases, machine.running(), len(machine.done))
    assert descriptions(machine, ID) == descriptions(machine, ID)
    assert (machine.phases, machine.running(), len(machine.done)) == before


def test_what_it_does_not_know_it_does_not_describe() -> None:
    assert descriptions(a_machine(), AllocationId("t.9.9")) == []


def test_what_is_being_removed_is_not_described_for_its_end_is_reported() -> None:
    machine = a_machine()
    machine.holding_back = True
    machine.order(remove())
    assert descriptions(machine, ID) == []


def test_a_manager_that_is_behind_what_runs_here_is_not_obeyed() -> None:
    machine = a_machine()
    assert machine.core.why_not_obey(ASSIGNED_AT) == ""
    why = machine.core.why_not_obey(ASSIGNED_AT - 1)
    assert "the manager's ledger is at revision 40" in why
    assert "nothing is removed for it" in why
