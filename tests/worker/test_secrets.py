"""The files of secrets on a worker: asked for once, private, and gone with their allocation."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cube.errors import CubeError
from cube.model.allocation import FailureKind
from cube.model.ids import AllocationId
from cube.model.secret import NO_SECRETS, SecretValue
from cube.model.spec import Secret
from cube.runtime.contract import RuntimeFailure
from cube.wire.messages import AskSecret, TellSecret
from cube.worker.secrets import Secrets
from tests.builders import a_spec

ID, OTHER = AllocationId("t.1.1"), AllocationId("t.2.1")


class Bench:
    """The secrets of a worker whose manager answers at once."""

    def __init__(self, node_id: str) -> None:
        self.held: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.away = False
        self.secrets = Secrets(node_id, self._send)

    async def _send(self, ask: AskSecret) -> None:
        if self.away:
            raise CubeError("no session")
        self.asked.append(ask.name)
        value = self.held.get(ask.name)
        secret = None if value is None else SecretValue(ask.name, 1, value)
        self.secrets.told(TellSecret(id=ask.id, name=ask.name, secret=secret, why="there is none"))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"tmpfs {tmp_path} tmpfs rw 0 0\n")
    monkeypatch.setattr("cube.worker.secrets.MOUNTS", mounts)
    monkeypatch.setattr("cube.worker.secrets.IN_MEMORY", (tmp_path,))
    return Bench("n1")


async def test_a_task_without_secrets_asks_for_none(bench: Bench) -> None:
    assert await bench.secrets.give(ID, a_spec()) == NO_SECRETS
    assert bench.asked == []


async def test_a_secret_is_a_file_that_its_user_alone_may_read(bench: Bench) -> None:
    bench.held = {"db": b"\x00one", "api": b"two"}
    spec = a_spec(secrets=(Secret("db"), Secret("api", target="key", mode=0o440)))

    given = await bench.secrets.give(ID, spec)

    folder = Path(given.folder)
    assert (folder / "db").read_bytes() == b"\x00one"
    assert (folder / "db").stat().st_mode & 0o777 == 0o400
    assert (folder / "key").stat().st_mode & 0o777 == 0o440
    assert folder.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_a_numbered_user_owns_its_files(bench: Bench) -> None:
    bench.held = {"db": b"x"}
    given = await bench.secrets.give(ID, a_spec(user="1000:2000", secrets=(Secret("db"),)))
    status = (Path(given.folder) / "db").stat()
    assert (status.st_uid, status.st_gid) == (1000, 2000)


async def test_the_next_run_has_the_files_of_the_first(bench: Bench) -> None:
    bench.held = {"db": b"one"}
    spec = a_spec(secrets=(Secret("db"),))
    first = await bench.secrets.give(ID, spec)
    bench.held, bench.away = {"db": b"two"}, True

    assert await bench.secrets.give(ID, spec) == first
    assert (Path(first.folder) / "db").read_bytes() == b"one"
    assert bench.asked == ["db"]


async def test_a_variable_is_given_and_written_nowhere(bench: Bench) -> None:
    bench.held = {"db": b"one"}
    given = await bench.secrets.give(ID, a_spec(secrets=(Secret("db", as_env="DB"),)))
    assert (given.folder, given.env) == ("", {"DB": "one"})


async def test_what_is_no_text_is_no_variable(bench: Bench) -> None:
    bench.held = {"db": b"a\x00b"}
    with pytest.raises(RuntimeFailure) as raised:
        await bench.secrets.give(ID, a_spec(secrets=(Secret("db", as_env="DB"),)))
    assert raised.value.kind is FailureKind.BAD_SPEC


@pytest.mark.parametrize(
    ("away", "why"), [(False, "there is none"), (True, "the manager cannot be asked for it now")]
)
async def test_a_secret_that_cannot_be_had_is_waited_for(
    bench: Bench, away: bool, why: str
) -> None:
    bench.away = away
    with pytest.raises(RuntimeFailure) as raised:
        await bench.secrets.give(ID, a_spec(secrets=(Secret("db"),)))
    assert raised.value.kind is FailureKind.SECRET_MISSING
    assert not raised.value.kind.permanent
    assert raised.value.message == f"waits for secret db: {why}"


async def test_files_go_with_their_allocation(bench: Bench, tmp_path: Path) -> None:
    bench.held = {"db": b"one"}
    spec = a_spec(secrets=(Secret("db"),))
    await bench.secrets.give(ID, spec)
    await bench.secrets.give(OTHER, spec)
    assert folders(tmp_path) == 2

    bench.secrets.forget(ID)
    assert folders(tmp_path) == 1
    bench.secrets.keep_only([OTHER])
    assert folders(tmp_path) == 1
    bench.secrets.keep_only([])
    assert folders(tmp_path) == 0


def folders(memory: Path) -> int:
    return len(list(memory.glob("cube-secrets-*/*")))


async def test_a_folder_that_others_may_enter_is_not_used(bench: Bench) -> None:
    bench.held = {"db": b"one"}
    spec = a_spec(secrets=(Secret("db"),))
    home = Path((await bench.secrets.give(ID, spec)).folder).parent
    home.chmod(0o755)
    with pytest.raises(RuntimeFailure, match="is not this user's alone|cannot be kept"):
        await bench.secrets.give(OTHER, spec)


async def test_without_a_file_system_in_memory_there_are_no_secrets(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("cube.worker.secrets.IN_MEMORY", (tmp_path / "disk",))
    with pytest.raises(RuntimeFailure, match="no file system in memory"):
        await bench.secrets.give(ID, a_spec(secrets=(Secret("db"),)))
