"""What every runtime promises of the inside of a container, asked of the simulated one and of a real engine alike."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator

import pytest

from cube.model.allocation import FailureKind
from cube.runtime.contract import Inside, RuntimeFailure
from cube.runtime.inside import ExecOptions, PathSeen, Process
from tests.runtime.worlds import DockerMachine, Machine, docker, started

NO_SUCH = "f" * 64


async def _all_of(process: Process) -> dict[str, bytes]:
    written: dict[str, bytes] = {}
    while (piece := await process.read()) is not None:
        written[piece[0]] = written.get(piece[0], b"") + piece[1]
    return written


async def _inside(machine: Machine) -> Inside:
    seen = await started(machine, machine.runs())
    return await machine.runtime.inside(seen.id)


async def test_a_command_inside_is_read_to_its_end_and_has_a_code(machine: Machine) -> None:
    inside = await _inside(machine)

    async with inside.exec(ExecOptions(command=("sh", "-c", "echo out; exit 3"))) as process:
        assert await _all_of(process) == {"stdout": b"out\n"}
        assert await process.exit_code() == 3


async def test_stdin_arrives_whole_and_its_end_is_heard(machine: Machine) -> None:
    inside = await _inside(machine)
    given = bytes(range(256)) * 100

    async with inside.exec(ExecOptions(command=("cat",), stdin=True)) as process:
        await process.write(given)
        await process.end_input()
        await process.end_input()
        assert await _all_of(process) == {"stdout": given}
        assert await process.exit_code() == 0


async def test_a_command_inside_hears_signals(machine: Machine) -> None:
    inside = await _inside(machine)

    async with inside.exec(ExecOptions(command=("sleep", "60"))) as process:
        await process.signal(15)
        assert await _all_of(process) == {}
        assert await process.exit_code() == 128 + 15


async def test_a_command_that_is_left_is_ended(machine: Machine) -> None:
    inside = await _inside(machine)

    async with inside.exec(ExecOptions(command=("sleep", "60"))) as process:
        pass

    async with asyncio.timeout(5):
        assert await process.exit_code() > 128


async def test_an_inside_that_is_not_there_is_told(machine: Machine) -> None:
    with pytest.raises(RuntimeFailure) as raised:
        await machine.runtime.inside(NO_SUCH)

    assert raised.value.kind is FailureKind.REMOVED_OUTSIDE


async def test_files_are_looked_at_put_in_and_taken_out(machine: Machine) -> None:
    inside = await _inside(machine)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("given")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))

    async def chunks() -> AsyncIterator[bytes]:
        yield packed.getvalue()

    await inside.write("/", chunks())

    seen = await inside.stat("/given")
    assert seen == PathSeen("given", "file", 5)
    assert await inside.stat("/nothing/here") is None
    async with inside.read("/given") as archive:
        assert archive is not None
        taken = io.BytesIO(b"".join([chunk async for chunk in archive.chunks()]))
    with tarfile.open(fileobj=taken) as tar:
        file = tar.extractfile("given")
        assert file is not None
        assert file.read() == b"hello"
    async with inside.read("/nothing/here") as archive:
        assert archive is None


# What only a real engine can get wrong


@pytest.mark.docker
async def test_a_command_that_was_never_started_is_told_from_one_that_wrote_something(
    docker_machine: DockerMachine,
) -> None:
    inside = await _inside(docker_machine)

    async with inside.exec(ExecOptions(command=("no-such-command",))) as process:
        with pytest.raises(RuntimeFailure, match="no-such-command not found") as raised:
            await process.read()
    imitation = ("sh", "-c", "echo 'OCI runtime exec failed: not so'; exit 126")
    async with inside.exec(ExecOptions(command=imitation)) as process:
        assert await process.read() == ("stdout", b"OCI runtime exec failed: not so\n")

    assert raised.value.kind is FailureKind.COMMAND_NOT_FOUND


@pytest.mark.docker
async def test_ctrl_p_is_a_key_like_any_other(docker_machine: DockerMachine) -> None:
    inside = await _inside(docker_machine)
    options = ExecOptions(command=("cat",), tty=True, stdin=True, rows=30, columns=90)

    async with inside.exec(options) as process, asyncio.timeout(5):
        await process.write(b"\x10")
        assert await process.read() == ("stdout", b"^P")


@pytest.mark.docker
async def test_a_terminal_has_its_size_from_the_start_and_changes_it(
    docker_machine: DockerMachine,
) -> None:
    inside = await _inside(docker_machine)
    script = "read x; stty size; read x; stty size"
    options = ExecOptions(
        command=("sh", "-c", f"stty -echo; {script}"), tty=True, stdin=True, rows=30, columns=90
    )

    async with inside.exec(options) as process, asyncio.timeout(10):
        await process.write(b"\n")
        seen = b""
        while b"30 90" not in seen:
            seen += (await process.read() or ("", b""))[1]
        await process.resize(50, 132)
        await process.write(b"\n")
        while b"50 132" not in seen:
            seen += (await process.read() or ("", b""))[1]


@pytest.mark.docker
async def test_what_a_left_command_started_is_ended_and_the_container_lives(
    docker_machine: DockerMachine,
) -> None:
    seen = await started(docker_machine, docker_machine.runs())
    inside = await docker_machine.runtime.inside(seen.id)
    script = "trap '' HUP; sleep 54321 & echo up; wait"

    async with inside.exec(ExecOptions(command=("sh", "-c", script))) as process:
        assert await process.read() == ("stdout", b"up\n")

    assert "54321" not in await docker("top", seen.id, "-eo", "pid,args")
    after = await docker_machine.runtime.inspect(seen.id)
    assert after == seen
