"""A simulated container: what it shows as it begins and ends."""

from __future__ import annotations

import asyncio

from cube.model.allocation import Exit, PortBinding
from cube.model.container import ContainerState, RunLabel
from cube.model.ids import NodeId, TaskId, allocation_id
from cube.runtime.simulated_container import Behaviour, SimulatedContainer
from tests.builders import a_spec

LABEL = RunLabel(
    cluster_id="c1",
    node_id=NodeId("w1"),
    allocation_id=allocation_id(TaskId("t"), 1, 1),
    restart=0,
    spec=a_spec(),
)


def a_container(**fields: object) -> SimulatedContainer:
    return SimulatedContainer("id", "name", LABEL, Behaviour(**fields))  # type: ignore[arg-type]


def test_it_shows_its_ports_and_address_while_it_runs() -> None:
    container = a_container()
    container.begins(5, (PortBinding(80, 8080),))

    running = container.seen()
    container.ends(9, Exit(3))
    ended = container.seen()

    assert (running.state, running.ports) == (ContainerState.RUNNING, (PortBinding(80, 8080),))
    assert running.address
    assert (ended.state, ended.exit, ended.ports) == (ContainerState.EXITED, Exit(3), ())
    assert (ended.started_ms, ended.finished_ms, ended.address) == (5, 9, "")


def test_another_run_forgets_the_exit_and_keeps_the_lines() -> None:
    container = a_container(output=("hello",))
    container.begins(5, ())
    container.ends(9, Exit(3))

    container.begins(11, ())

    assert (container.seen().exit, container.seen().finished_ms) == (None, 0)
    assert [line.at_ns // 1_000_000 for line in container.lines] == [5, 11]


async def test_those_who_wait_hear_of_the_end() -> None:
    container = a_container()
    container.begins(5, ())
    waiting = [asyncio.create_task(container.until_ended()) for _ in range(2)]
    await asyncio.sleep(0)

    container.ends(9, Exit(0))

    await asyncio.gather(*waiting)
