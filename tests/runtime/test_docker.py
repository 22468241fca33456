"""What only the Docker runtime promises: how much it asks, and how it bears an engine that misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from cube.model.allocation import Exit, FailureKind
from cube.model.container import ContainerState, RunLabel
from cube.model.ids import NodeId, TaskId, allocation_id
from cube.model.spec import Port, TaskSpec, Tmpfs, Ulimit, Volume
from cube.runtime.contract import RuntimeFailure
from cube.runtime.docker import DockerRuntime
from cube.runtime.labels import container_names, encode_label
from tests.runtime.fake_engine import FakeEngine
from tests.runtime.worlds import DockerMachine, a_label, docker, started, until_exited

NODE = NodeId("w1")
STEPS = ("docker.STEP_SECONDS", "ending.STEP_SECONDS", "ending.STOP_EXTRA_SECONDS")
LABEL = RunLabel(
    cluster_id="c1",
    node_id=NODE,
    allocation_id=allocation_id(TaskId("t"), 1, 1),
    restart=0,
    spec=TaskSpec(name="web", image="nginx:1.27"),
)
NAME = next(container_names(LABEL))


def an_answer(label: RunLabel, status: str = "running", endpoint: str = "e1") -> dict[str, object]:
    """What inspect answers."""
    return {
        "Id": "abc",
        "State": {"Status": status, "StartedAt": "2026-11-22T13:43:54Z"},
        "Config": {"Labels": encode_label(label)},
        "NetworkSettings": {"Networks": {"bridge": {"EndpointID": endpoint}}},
    }


def a_row(label: RunLabel, state: str = "running", endpoint: str = "e1") -> dict[str, object]:
    """What the list answers."""
    networks = {"bridge": {"EndpointID": endpoint}}
    labels = encode_label(label)
    return {
        "Id": "abc",
        "State": state,
        "Labels": labels,
        "NetworkSettings": {"Networks": networks},
    }


@pytest.fixture
async def runtime(fake_engine: FakeEngine) -> AsyncIterator[DockerRuntime]:
    one = DockerRuntime(NODE, fake_engine.url)
    yield one
    await one.close()


def paths(fake_engine: FakeEngine) -> list[str]:
    """What the engine was asked, without the version."""
    return [
        f"{request.method} {request.path.removeprefix('/v1.41/')}" for request in fake_engine.asked
    ]


async def test_a_start_asks_three_questions(
    runtime: DockerRuntime, fake_engine: FakeEngine
) -> None:
    fake_engine.answer("POST", "containers/create", {"Id": "abc"}, 201)
    fake_engine.answer("POST", "containers/abc/start", {})
    fake_engine.answer("GET", "containers/abc/json", an_answer(LABEL))

    await runtime.start((await runtime.create(LABEL)).id)

    assert paths(fake_engine) == [
        "POST containers/create",
        "POST containers/abc/start",
        "GET containers/abc/json",
    ]


async def test_a_running_container_is_inspected_once_for_each_start(
    runtime: DockerRuntime, fake_engine: FakeEngine
) -> None:
    fake_engine.answer("GET", "containers/json", [a_row(LABEL)])
    fake_engine.answer("GET", "containers/abc/json", an_answer(LABEL))
    first = await runtime.containers()

    assert await runtime.containers() == first
    assert paths(fake_engine).count("GET containers/abc/json") == 1

    fake_engine.answer("GET", "containers/json", [a_row(LABEL, endpoint="e2")])
    fake_engine.answer("GET", "containers/abc/json", an_answer(LABEL, endpoint="e2"))
    await runtime.containers()
    await runtime.containers()
    assert paths(fake_engine).count("GET containers/abc/json") == 2


async def test_what_the_watchdog_killed_is_told_from_what_ended_by_itself(
    fake_engine: FakeEngine, tmp_path: Path
) -> None:
    runtime = DockerRuntime(NODE, fake_engine.url, fences=tmp_path)
    answer = an_answer(LABEL, "exited")
    (tmp_path / "abc").touch()
    seen = []
    for code in (137, 0):
        answer["State"] = {"Status": "exited", "ExitCode": code}
        fake_engine.answer("GET", "containers/abc/json", answer)
        seen.append(await runtime.inspect("abc"))

    assert [one.fenced for one in seen if one] == [True, False]

    fake_engine.answer("GET", "containers/json", [])
    await runtime.containers()
    assert not (tmp_path / "abc").exists()
    await runtime.close()


async def test_the_engine_lists_only_our_containers(
    runtime: DockerRuntime, fake_engine: FakeEngine
) -> None:
    fake_engine.answer("GET", "containers/json", [])

    await runtime.containers()

    query = fake_engine.asked[0].query
    assert query["all"] == "1"
    assert json.loads(query["filters"]) == {"label": ["cube.node=w1"]}


async def test_a_container_that_goes_during_the_list_is_left_out(
    runtime: DockerRuntime, fake_engine: FakeEngine
) -> None:
    fake_engine.answer("GET", "containers/json", [a_row(LABEL, state="exited")])

    assert await runtime.containers() == []


async def test_a_failure_during_the_list_is_a_failure(
    runtime: DockerRuntime, fake_engine: FakeEngine
) -> None:
    fake_engine.answer("GET", "containers/json", [a_row(LABEL, state="exited")])
    fake_engine.refuse("GET", "containers/abc/json", 500, "out of order")

    with pytest.raises(RuntimeFailure, match="out of order"):
        await runtime.containers()


async def test_a_container_whose_create_was_not_answered_is_found(
    runtime: DockerRuntime, fake_engine: FakeEngine
) -> None:
    fake_engine.stream("POST", "containers/create", drop=True)
    with pytest.raises(RuntimeFailure) as raised:
        await runtime.create(LABEL)
    assert raised.value.kind is FailureKind.ENGINE_AWAY

    fake_engine.refuse("POST", "containers/create", 409, "Conflict")
    fake_engine.answer("GET", f"containers/{NAME}/json", an_answer(LABEL, "created"))

    assert (await runtime.create(LABEL)).id == "abc"


async def test_names_all_taken_are_told(runtime: DockerRuntime, fake_engine: FakeEngine) -> None:
    fake_engine.refuse("POST", "containers/create", 409, "Conflict")

    with pytest.raises(RuntimeFailure) as raised:
        await runtime.create(LABEL)

    assert raised.value.kind is FailureKind.NAME_TAKEN
    names = [request.query["name"] for request in fake_engine.asked if request.method == "POST"]
    assert names == list(container_names(LABEL))


async def test_a_hung_engine_hangs_nobody(
    runtime: DockerRuntime, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("docker.FACTS_SECONDS", "docker.LIST_SECONDS", *STEPS):
        monkeypatch.setattr(f"cube.runtime.{name}", 0.05)
    fake_engine.hang("GET", "info")
    fake_engine.hang("GET", "containers/json")
    fake_engine.hang("POST", "containers/create")
    fake_engine.hang("POST", "containers/abc/start")
    fake_engine.hang("POST", "containers/abc/stop")
    fake_engine.hang("DELETE", "containers/abc")
    fake_engine.answer("GET", "containers/abc/json", an_answer(LABEL))

    questions = [
        runtime.facts(),
        runtime.containers(),
        runtime.create(LABEL),
        runtime.start("abc"),
        runtime.remove("abc"),
    ]
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(*questions, return_exceptions=True)

    kinds = [outcome.kind for outcome in outcomes if isinstance(outcome, RuntimeFailure)]
    assert kinds == [FailureKind.ENGINE_SLOW] * len(questions)


async def test_a_stop_without_end_is_a_stuck_container_or_a_slow_engine(
    runtime: DockerRuntime, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in STEPS:
        monkeypatch.setattr(f"cube.runtime.{name}", 0.05)
    fake_engine.hang("POST", "containers/abc/stop")
    fake_engine.answer("GET", "containers/abc/json", an_answer(LABEL))
    with pytest.raises(RuntimeFailure) as raised:
        await runtime.stop("abc", "", 50)
    assert raised.value.kind is FailureKind.STUCK

    fake_engine.hang("GET", "containers/abc/json")
    with pytest.raises(RuntimeFailure) as raised:
        await runtime.stop("abc", "", 50)
    assert raised.value.kind is FailureKind.ENGINE_SLOW

    ended = an_answer(LABEL, "exited")
    fake_engine.answer("GET", "containers/abc/json", ended)
    seen = await runtime.stop("abc", "", 50)
    assert seen is not None
    assert seen.state is ContainerState.EXITED


async def test_a_removal_under_way_is_waited_for(
    runtime: DockerRuntime, fake_engine: FakeEngine
) -> None:
    fake_engine.answer("GET", "containers/abc/json", an_answer(LABEL))
    fake_engine.refuse("DELETE", "containers/abc", 409, "removal is already in progress")
    fake_engine.answer("POST", "containers/abc/wait", {"StatusCode": 0})

    await runtime.remove("abc")

    assert fake_engine.asked[-1].query["condition"] == "removed"


async def test_the_grace_is_told_in_whole_seconds_and_not_less(
    runtime: DockerRuntime, fake_engine: FakeEngine
) -> None:
    stopped: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        stopped.append(request.query["t"])
        return web.Response(status=204)

    fake_engine.answer("GET", "containers/abc/json", an_answer(LABEL))
    fake_engine.on("POST", "containers/abc/stop", handler)

    for grace_ms in (0, 1, 1000, 1500):
        await runtime.stop("abc", "", grace_ms)

    assert stopped == ["0", "1", "1", "2"]


async def test_a_paused_container_is_resumed_before_it_is_stopped(
    runtime: DockerRuntime, fake_engine: FakeEngine
) -> None:
    fake_engine.answer("GET", "containers/abc/json", an_answer(LABEL, "paused"))
    fake_engine.answer("POST", "containers/abc/unpause", {})
    fake_engine.answer("POST", "containers/abc/stop", {})

    await runtime.stop("abc", "", 0)

    assert paths(fake_engine)[1:3] == [
        "POST containers/abc/unpause",
        "POST containers/abc/stop",
    ]


@pytest.mark.docker
async def test_the_engine_gives_what_the_task_asks_for(docker_machine: DockerMachine) -> None:
    spec = docker_machine.runs(
        entrypoint=("sh", "-c"),
        command=(
            "echo $A $CUBE_TASK $CUBE_SLOT $CUBE_FENCE; pwd; id -u; hostname; ulimit -n;"
            " cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null;"
            " echo x > /data/x && echo volume; echo x > /scratch/x && echo tmpfs;"
            " echo x > /x || echo read-only",
        ),
        env={"A": "b c"},
        workdir="/bin",
        user="65534",
        cpu_millis=500,
        memory_bytes=32 << 20,
        read_only=True,
        ulimits=(Ulimit("nofile", 77, 88),),
        cap_drop=("ALL",),
        tmpfs=(Tmpfs("/scratch", 1 << 20),),
        volumes=(Volume(docker_machine.node_id, "/data"),),
    )
    try:
        seen = await started(docker_machine, spec, slot=3, generation=9)
        await until_exited(docker_machine.runtime, seen.id)
        lines = (await docker("logs", seen.id)).splitlines()
        await docker_machine.runtime.remove(seen.id)
        assert docker_machine.node_id in await docker("volume", "ls", "-q")
    finally:
        await docker("volume", "rm", "-f", docker_machine.node_id)

    assert lines[:6] == ["b c web 3 9", "/bin", "65534", "web-3", "77", str(32 << 20)]
    assert "tmpfs" in lines
    assert "read-only" in lines


@pytest.mark.docker
async def test_too_much_memory_is_told_from_a_kill(docker_machine: DockerMachine) -> None:
    # The engine itself misses the kernel's word in some runs out of a hundred, and then reports a plain 137.
    spec = docker_machine.runs(command=("tail", "/dev/zero"), memory_bytes=8 << 20)
    exits: list[Exit | None] = []
    while len(exits) < 6 and Exit(137, out_of_memory=True) not in exits:
        seen = await started(docker_machine, spec, slot=len(exits) + 1)
        exits.append((await until_exited(docker_machine.runtime, seen.id)).exit)

    assert exits[-1] == Exit(137, out_of_memory=True)
    assert {exit.code for exit in exits if exit} == {137}


@pytest.mark.docker
@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"command": ("nonesuch",)}, FailureKind.COMMAND_NOT_FOUND, "command nonesuch not found"),
        ({"command": ("/no/such",)}, FailureKind.COMMAND_NOT_FOUND, "command /no/such not found"),
        ({"command": ("/etc",)}, FailureKind.COMMAND_NOT_FOUND, "command /etc cannot be executed"),
        ({"user": "nobodyhere"}, FailureKind.BAD_SPEC, "user nobodyhere does not exist"),
        ({"workdir": "relative"}, FailureKind.NOT_ALLOWED, "working directory"),
        ({"stop_signal": "NOPE"}, FailureKind.BAD_SPEC, "Invalid signal"),
        ({"cap_add": ("NOPE",)}, FailureKind.NOT_ALLOWED, "capability NOPE"),
        ({"ulimits": (Ulimit("nope", 1, 1),)}, FailureKind.BAD_SPEC, "rlimit"),
        ({"memory_bytes": 1000}, FailureKind.BAD_SPEC, "memory"),
        ({"image": "NO::SUCH"}, FailureKind.BAD_SPEC, "reference"),
        ({"volumes": (Volume("a/b", "/x"),)}, FailureKind.NOT_ALLOWED, "Mounts"),
        ({"ports": (Port(80, 18_080, host_ip="192.0.2.1"),)}, FailureKind.PORT_TAKEN, "192.0.2.1"),
    ],
)
async def test_what_a_real_engine_cannot_start_is_named(
    docker_machine: DockerMachine, fields: dict[str, object], kind: FailureKind, words: str
) -> None:
    with pytest.raises(RuntimeFailure, match=words) as raised:
        await started(docker_machine, docker_machine.runs(**fields))

    assert raised.value.kind is kind


@pytest.mark.docker
async def test_a_renamed_container_is_still_known(docker_machine: DockerMachine) -> None:
    seen = await started(docker_machine, docker_machine.runs())

    await docker("rename", seen.id, f"renamed-{docker_machine.node_id}")

    assert await docker_machine.runtime.containers() == [seen]


@pytest.mark.docker
async def test_a_container_started_again_outside_has_its_new_time(
    docker_machine: DockerMachine,
) -> None:
    before = await started(docker_machine, docker_machine.runs())
    await docker_machine.runtime.containers()

    await docker("restart", "-t", "1", before.id)
    (after,) = await docker_machine.runtime.containers()

    assert (after.id, after.state) == (before.id, ContainerState.RUNNING)
    assert after.started_ms > before.started_ms


@pytest.mark.docker
async def test_a_hundred_questions_at_once_are_all_answered(docker_machine: DockerMachine) -> None:
    created = await docker_machine.runtime.create(a_label(docker_machine, docker_machine.runs()))

    answers = await asyncio.gather(
        *(docker_machine.runtime.inspect(created.id) for _ in range(100))
    )

    assert answers == [created] * 100
