"""What a look at the machine is taken for, and what mends it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cube.cli import checkup, doctor
from cube.cli.checkup import Check, Verdict
from cube.errors import CubeError, InvalidInput
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json

OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL
GIB = 1 << 30


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (checkup.python((3, 13, 1)), OK),
        (checkup.python((3, 10, 9)), FAIL),
        (checkup.engine("unix:///x", "20.10", "overlay2", "2"), OK),
        (checkup.engine("unix:///x", "20.10", "vfs", "1"), WARN),
        (checkup.no_engine(CubeError("the engine does not answer")), WARN),
        (checkup.disk("/x", 50 * GIB, 100 * GIB), OK),
        (checkup.disk("/x", 3 * GIB, 100 * GIB), WARN),
        (checkup.disk("/x", GIB - 1, 100 * GIB), FAIL),
        (checkup.manager("a:1", "default", "1", "1", ""), OK),
        (checkup.manager("a:1", "default", "1", "2", ""), WARN),
        (checkup.manager("a:1", "default", "1", "1", "is being recovered"), WARN),
        (checkup.no_manager(CubeError("nobody", hint="start one"), "--manager"), FAIL),
        (checkup.clock(-1.9), OK),
        (checkup.clock(3.0), WARN),
        (checkup.port("p", 5555, None, listening=False), OK),
        (checkup.port("p", 5555, "ok", listening=True), OK),
        (checkup.port("p", 5555, None, listening=True), FAIL),
        (checkup.worker(5556, None), OK),
        (checkup.worker(5556, "ok\n"), OK),
        (checkup.worker(5556, "no session with http://a:1"), FAIL),
        (checkup.directory("d", Path("/x"), "missing"), OK),
        (checkup.directory("d", Path("/x"), "writable"), OK),
        (checkup.directory("d", Path("/x"), "open to all"), WARN),
        (checkup.directory("d", Path("/x"), "not writable"), FAIL),
    ],
    ids=lambda value: value.found if isinstance(value, Check) else "",
)
def test_each_fact_has_its_verdict_and_each_trouble_its_fix(check: Check, verdict: Verdict) -> None:
    assert check.verdict is verdict
    assert bool(check.fix) == (verdict is not OK)


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without an engine to ask and with nothing on cube's ports."""

    def engine() -> Iterator[Check]:
        yield checkup.engine("unix:///x", "20.10", "overlay2", "2")

    monkeypatch.setattr(doctor, "_engine", engine)
    monkeypatch.setattr(doctor, "knock", lambda _: None)
    monkeypatch.setattr(doctor, "listens", lambda _: False)
    monkeypatch.setattr(doctor, "data_directory", lambda kind: tmp_path / kind)


def answers(manager: FakeManager, version: str = "0.1.0") -> None:
    manager.answer("GET", "/healthz", json({"status": "ok"}))
    manager.answer("GET", "/version", json({"version": version, "protocol": 1, "cluster_id": "c"}))


def test_a_healthy_machine_ends_with_0(manager: FakeManager, cube: Cube, healthy: None) -> None:
    answers(manager)

    result = cube("doctor", "-o", "json")

    checks = msgspec.json.decode(result.out, type=list[Check])
    assert (result.code, {check.verdict for check in checks}) == (0, {OK})
    assert {"python", "engine", "manager", "clock", "manager port", "worker data"} <= {
        check.name for check in checks
    }


def test_the_ports_are_those_that_are_set() -> None:
    assert doctor.ports("", {"CUBE_CONTEXT": "", "XDG_CONFIG_HOME": "/none"}) == (5555, 5556)
    set_both = {"CUBE_MANAGER_PORT": "6001", "CUBE_WORKER_PORT": "6002"}
    assert doctor.ports("", set_both) == (6001, 6002)
    assert doctor.ports("localhost:7", set_both) == (7, 6002)
    assert doctor.ports("far.example:7", {}) == (5555, 5556)
    assert doctor.ports(":7", {"CUBE_WORKER_PORT": "0"}) == (7, 5556)
    with pytest.raises(InvalidInput, match="^CUBE_WORKER_PORT: "):
        doctor.ports(":7", {"CUBE_WORKER_PORT": "x"})


def test_another_version_is_told_and_is_no_failure(
    manager: FakeManager, cube: Cube, healthy: None
) -> None:
    answers(manager, "9.9.9")

    result = cube("doctor")

    assert result.code == 0
    assert "9.9.9" in result.out
    assert "fix: install the same version" in result.out


def test_what_fails_is_counted_and_is_code_1(cube: Cube, healthy: None) -> None:
    result = cube("doctor", "-m", "127.0.0.1:1")

    assert result.code == 1
    assert "no manager answers at 127.0.0.1:1" in result.out
    assert "fix: start one with" in result.out
    assert result.err == "cube: 1 check failed\n"
    assert cube("doctor", "-m", "127.0.0.1:1", "-o", "name").out == "manager\n"


def test_a_directory_is_looked_at_as_it_is(tmp_path: Path) -> None:
    closed, open_ = tmp_path / "closed", tmp_path / "open"
    closed.mkdir(mode=0o700)
    open_.mkdir()
    open_.chmod(0o755)

    assert doctor.directory_state(closed) == "writable"
    assert doctor.directory_state(open_) == "open to all"
    assert doctor.directory_state(tmp_path / "none" / "below") == "missing"


def test_one_that_cannot_be_written_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere

    assert doctor.directory_state(tmp_path) == "not writable"
    assert doctor.directory_state(tmp_path / "none") == "not writable"


def test_a_port_is_knocked_at(manager: FakeManager) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert doctor.listens(taken)
    assert not doctor.listens(taken)
    assert doctor.knock(taken) is None
    manager.answer("GET", "/healthz", json({"status": "ok"}))
    assert doctor.knock(manager.address.port) == '{"status":"ok"}'
