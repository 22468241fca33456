"""What every runtime promises, asked of the simulated one and of a real engine alike."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from cube.core.images import listed_name
from cube.model.allocation import Exit, FailureKind
from cube.model.container import ContainerState
from cube.model.ids import NodeId
from cube.model.spec import Port
from cube.runtime.contract import ContainerEvent, LogLine, LogOptions, Resync, RuntimeFailure
from cube.runtime.labels import container_names
from tests.runtime.worlds import Machine, a_label, started, until_exited

NO_SUCH = "f" * 64


# Looking


async def test_an_engine_says_who_it_is(machine: Machine) -> None:
    facts = await machine.runtime.facts()

    assert facts.version
    assert facts.platform.startswith("linux/")
    assert facts.capacity.cpu_millis >= 1000
    assert facts.capacity.memory_bytes > 0


async def test_the_image_of_a_container_is_listed(machine: Machine) -> None:
    spec = machine.runs()
    await started(machine, spec)
    listed = await machine.runtime.images()
    assert listed_name(spec.image) in listed
    assert "missing:nope" not in listed


async def test_a_new_node_has_no_containers(machine: Machine) -> None:
    assert await machine.runtime.containers() == []


async def test_what_does_not_exist_is_not_seen(machine: Machine) -> None:
    assert await machine.runtime.inspect(NO_SUCH) is None


async def test_the_list_shows_what_inspect_shows(machine: Machine) -> None:
    await machine.runtime.create(a_label(machine, machine.runs(), slot=1))
    await started(machine, machine.runs(ports=(Port(80),)), slot=2)
    ended = await started(machine, machine.exits(3), slot=3)
    paused = await started(machine, machine.runs(), slot=4)
    await until_exited(machine.runtime, ended.id)
    await machine.pause(paused.id)

    listed = {seen.id: seen for seen in await machine.runtime.containers()}

    assert len(listed) == 4
    assert listed == {id: await machine.runtime.inspect(id) for id in listed}


async def test_the_next_process_of_a_worker_sees_the_same(machine: Machine) -> None:
    await started(machine, machine.runs())
    before = await machine.runtime.containers()

    after = await machine.another_runtime(machine.node_id).containers()

    assert after == before


# Creating


async def test_a_created_container_carries_its_label(machine: Machine) -> None:
    label = a_label(machine, machine.runs(env={"A": "ä\n"}), restart=7)

    created = await machine.runtime.create(label)

    assert (created.label, created.state) == (label, ContainerState.CREATED)
    assert await machine.runtime.inspect(created.id) == created


async def test_creating_a_run_twice_finds_the_first(machine: Machine) -> None:
    label = a_label(machine, machine.runs())
    first = await machine.runtime.create(label)
    await machine.runtime.start(first.id)

    second = await machine.runtime.create(label)

    assert (second.id, second.state) == (first.id, ContainerState.RUNNING)


async def test_the_next_restart_is_another_container(machine: Machine) -> None:
    first = await machine.runtime.create(a_label(machine, machine.runs(), restart=0))
    second = await machine.runtime.create(a_label(machine, machine.runs(), restart=1))

    assert first.id != second.id


async def test_an_image_that_is_not_there_is_named(machine: Machine) -> None:
    label = a_label(machine, machine.runs(image="missing:nope"))

    with pytest.raises(RuntimeFailure, match="missing:nope") as raised:
        await machine.runtime.create(label)

    assert raised.value.kind is FailureKind.IMAGE_MISSING


async def test_a_name_that_a_stranger_has_is_left_to_him(machine: Machine) -> None:
    label = a_label(machine, machine.runs(), slot=77, cluster_id=machine.node_id)
    await machine.take_name(next(container_names(label)))

    created = await machine.runtime.create(label)
    again = await machine.runtime.create(label)

    assert again.id == created.id
    assert [seen.id for seen in await machine.runtime.containers()] == [created.id]


async def test_a_label_that_imitates_cube_is_refused(machine: Machine) -> None:
    label = a_label(machine, machine.runs(labels={"cube.node": "other"}))

    with pytest.raises(RuntimeFailure, match=r"cube\.node") as raised:
        await machine.runtime.create(label)

    assert raised.value.kind is FailureKind.BAD_SPEC


# Starting


async def test_a_started_container_runs_and_has_an_address(machine: Machine) -> None:
    seen = await started(machine, machine.runs())

    assert seen.state is ContainerState.RUNNING
    assert seen.address
    assert seen.started_ms > 0
    assert seen.exit is None


async def test_starting_what_runs_changes_nothing(machine: Machine) -> None:
    first = await started(machine, machine.runs())

    assert await machine.runtime.start(first.id) == first


async def test_an_ended_container_may_be_started_again(machine: Machine) -> None:
    first = await started(machine, machine.exits(3))
    await until_exited(machine.runtime, first.id)

    await machine.runtime.start(first.id)

    assert (await until_exited(machine.runtime, first.id)).exit == Exit(3)


async def test_a_container_that_was_removed_cannot_be_started(machine: Machine) -> None:
    created = await machine.runtime.create(a_label(machine, machine.runs()))
    await machine.remove(created.id)

    with pytest.raises(RuntimeFailure) as raised:
        await machine.runtime.start(created.id)

    assert raised.value.kind is FailureKind.REMOVED_OUTSIDE


async def test_a_taken_port_is_named(machine: Machine) -> None:
    port = machine.take_port()
    created = await machine.runtime.create(
        a_label(machine, machine.runs(ports=(Port(80, host_port=port),)))
    )

    with pytest.raises(RuntimeFailure, match=f"port {port} is taken") as raised:
        await machine.runtime.start(created.id)

    assert raised.value.kind is FailureKind.PORT_TAKEN


async def test_a_port_of_another_task_is_free_again_when_that_has_ended(machine: Machine) -> None:
    first = await started(machine, machine.runs(ports=(Port(80),)), slot=1)
    (binding,) = first.ports
    fixed = machine.runs(ports=(Port(80, host_port=binding.host_port),))
    second = await machine.runtime.create(a_label(machine, fixed, slot=2))

    with pytest.raises(RuntimeFailure, match="is taken"):
        await machine.runtime.start(second.id)
    await machine.runtime.remove(first.id)

    assert (await machine.runtime.start(second.id)).ports == (binding,)


async def test_published_ports_are_told(machine: Machine) -> None:
    seen = await started(machine, machine.runs(ports=(Port(80), Port(81, host_ip="127.0.0.1"))))

    assert [(port.container_port, port.host_ip) for port in seen.ports] == [
        (80, "0.0.0.0"),
        (81, "127.0.0.1"),
    ]
    assert all(port.host_port > 0 for port in seen.ports)


async def test_an_exit_is_seen_with_its_code(machine: Machine) -> None:
    seen = await started(machine, machine.exits(3))

    ended = await until_exited(machine.runtime, seen.id)

    assert ended.exit == Exit(3)
    assert ended.finished_ms >= ended.started_ms > 0
    assert ended.address == ""


# Stopping


async def test_a_stopped_container_has_heard_the_signal(machine: Machine) -> None:
    seen = await started(machine, machine.runs())

    ended = await machine.runtime.stop(seen.id, "", 10_000)

    assert ended is not None
    assert (ended.state, ended.exit) == (ContainerState.EXITED, Exit(143))


async def test_a_container_that_does_not_listen_is_killed_after_the_grace(machine: Machine) -> None:
    seen = await started(machine, machine.deaf())

    ended = await machine.runtime.stop(seen.id, "", 100)

    assert ended is not None
    assert ended.exit == Exit(137)


async def test_another_signal_is_followed_by_a_kill_too(machine: Machine) -> None:
    seen = await started(machine, machine.deaf())

    ended = await machine.runtime.stop(seen.id, "SIGUSR1", 100)

    assert ended is not None
    assert ended.state is ContainerState.EXITED


async def test_a_paused_container_hears_the_signal(machine: Machine) -> None:
    seen = await started(machine, machine.runs())
    await machine.pause(seen.id)
    await machine.runtime.inspect(seen.id)

    ended = await machine.runtime.stop(seen.id, "", 10_000)

    assert ended is not None
    assert ended.exit == Exit(143)


async def test_stopping_what_does_not_run_changes_nothing(machine: Machine) -> None:
    created = await machine.runtime.create(a_label(machine, machine.runs()))

    assert await machine.runtime.stop(created.id, "", 0) == created
    assert await machine.runtime.stop(NO_SUCH, "", 0) is None


# Removing


async def test_a_removed_container_is_gone_whatever_it_did(machine: Machine) -> None:
    running = await started(machine, machine.runs())

    await machine.runtime.remove(running.id)
    await machine.runtime.remove(running.id)

    assert await machine.runtime.inspect(running.id) is None
    assert await machine.runtime.containers() == []


async def test_a_stop_or_removal_of_what_others_removed_is_fine(machine: Machine) -> None:
    running = await started(machine, machine.runs())
    await machine.remove(running.id)

    await machine.runtime.remove(running.id)

    assert await machine.runtime.stop(running.id, "", 0) is None


# Others


async def test_the_containers_of_another_node_are_not_touched(machine: Machine) -> None:
    running = await started(machine, machine.runs())
    other = machine.another_runtime(NodeId(f"{machine.node_id}-other"))

    assert await other.containers() == []
    assert await other.inspect(running.id) is None
    assert await other.stop(running.id, "", 0) is None
    await other.remove(running.id)
    for attempt in (other.start(running.id), other.run_command(running.id, ("true",), 1000)):
        with pytest.raises(RuntimeFailure):
            await attempt

    assert await machine.runtime.inspect(running.id) == running


# Commands


async def test_a_command_is_run_inside_and_its_answer_told(machine: Machine) -> None:
    seen = await started(machine, machine.runs())

    result = await machine.runtime.run_command(seen.id, ("sh", "-c", "echo out; exit 3"), 10_000)

    assert (result.code, result.output) == (3, "out\n")


async def test_a_command_that_takes_too_long_is_given_up(machine: Machine) -> None:
    seen = await started(machine, machine.command_hangs())

    with pytest.raises(RuntimeFailure) as raised:
        await machine.runtime.run_command(seen.id, ("sleep", "60"), 300)

    assert raised.value.kind is FailureKind.ENGINE_SLOW


async def test_what_runs_has_counters_that_grow_and_what_has_ended_has_none(
    machine: Machine,
) -> None:
    running = await started(machine, machine.runs())
    ended = await started(machine, machine.exits(3), slot=2)
    await until_exited(machine.runtime, ended.id)

    first = await machine.runtime.consumption(running.id)
    then = await machine.runtime.consumption(running.id)

    assert first is not None
    assert then is not None
    assert then.cpu_ns >= first.cpu_ns
    assert then.at_ns >= first.at_ns
    assert await machine.runtime.consumption(ended.id) is None


async def test_a_command_needs_a_container_that_runs(machine: Machine) -> None:
    created = await machine.runtime.create(a_label(machine, machine.runs()))

    with pytest.raises(RuntimeFailure, match="is not running"):
        await machine.runtime.run_command(created.id, ("true",), 1000)


# Events


async def test_events_begin_with_a_resync_and_tell_what_happens(machine: Machine) -> None:
    async with aclosing(machine.runtime.events()) as events:
        first = await anext(events)
        seen = await started(machine, machine.exits(0))
        told = [await anext(events), await anext(events)]

    assert first == Resync()
    assert [(e.container_id, e.action) for e in told if isinstance(e, ContainerEvent)] == [
        (seen.id, "start"),
        (seen.id, "die"),
    ]


async def test_events_of_other_nodes_are_not_told(machine: Machine) -> None:
    async with aclosing(machine.runtime.events()) as events:
        await anext(events)
        other = machine.another_runtime(NodeId(f"{machine.node_id}-other"))
        strange = a_label(machine, machine.runs(), node_id=NodeId(f"{machine.node_id}-other"))
        await other.start((await other.create(strange)).id)
        seen = await started(machine, machine.runs(), slot=2)
        told = await anext(events)

    assert isinstance(told, ContainerEvent)
    assert told.container_id == seen.id


async def test_leaving_the_events_leaves_nothing_behind(machine: Machine) -> None:
    for _ in range(40):  # more than the short questions have connections
        async with aclosing(machine.runtime.events()) as events:
            assert await anext(events) == Resync()

    assert await machine.runtime.containers() == []


# Logs


async def lines_of(machine: Machine, container_id: str, **options: Any) -> list[str]:
    return [line.text for line in await all_lines(machine, container_id, **options)]


async def all_lines(machine: Machine, container_id: str, **options: Any) -> list[LogLine]:
    batches = machine.runtime.logs(container_id, LogOptions(**options))
    return [line async for lines in batches for line in lines]


async def test_a_followed_log_ends_with_its_container(machine: Machine) -> None:
    seen = await started(machine, machine.writes())

    assert await lines_of(machine, seen.id, follow=True) == ["one", "two", "three"]
    assert await until_exited(machine.runtime, seen.id)


async def test_lines_come_with_their_time_and_stream(machine: Machine) -> None:
    seen = await started(machine, machine.writes())
    await until_exited(machine.runtime, seen.id)

    lines = await all_lines(machine, seen.id)

    assert [line.stream for line in lines] == ["stdout"] * 3
    assert all(not line.partial for line in lines)
    assert sorted(line.at_ns for line in lines) == [line.at_ns for line in lines]
    # The engine's clock for lines and that for the start are read by two processes.
    assert lines[0].at_ns // 1_000_000_000 - seen.started_ms // 1_000 in (-1, 0, 1)


async def test_only_the_lines_asked_for_are_told(machine: Machine) -> None:
    seen = await started(machine, machine.writes())
    await until_exited(machine.runtime, seen.id)
    times = [line.at_ns for line in await all_lines(machine, seen.id)]

    assert await lines_of(machine, seen.id, tail=1) == ["three"]
    assert await lines_of(machine, seen.id, tail=0) == []
    assert await lines_of(machine, seen.id, since_ns=times[1]) == ["two", "three"]
    assert await lines_of(machine, seen.id, until_ns=times[0]) == ["one"]
    assert await lines_of(machine, seen.id, stdout=False) == []


async def test_what_is_gone_has_no_log(machine: Machine) -> None:
    with pytest.raises(RuntimeFailure) as raised:
        await lines_of(machine, NO_SUCH)

    assert raised.value.kind is FailureKind.REMOVED_OUTSIDE


# Ending


async def test_a_closed_runtime_leaves_its_containers_running(machine: Machine) -> None:
    running = await started(machine, machine.runs())

    await machine.runtime.close()
    await machine.runtime.close()

    assert await machine.another_runtime(machine.node_id).inspect(running.id) == running
