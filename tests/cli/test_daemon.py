"""Running daemons until a signal, and letting go of them in order."""

from __future__ import annotations

import json
import logging
import os
import signal
from pathlib import Path

import pytest

from cube import log
from cube.cli import daemon
from cube.cli.daemon import announce, data_directory, serve
from cube.cli.exits import Exit
from cube.errors import LedgerBroken, LedgerHeld


class Recorder:
    """A daemon that notes what it is told, and fails or hangs where it should."""

    def __init__(
        self, name: str, notes: list[str], *, fails: bool = False, hangs: bool = False
    ) -> None:
        self._name, self._notes, self._fails, self._hangs = name, notes, fails, hangs

    async def start(self) -> None:
        self._notes.append(f"{self._name} starts")
        if self._fails:
            raise LedgerHeld("another manager has it")

    async def stop(self) -> None:
        if self._hangs:
            import asyncio

            await asyncio.Event().wait()
        self._notes.append(f"{self._name} stops")


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_them_in_reverse_order(number: signal.Signals) -> None:
    notes: list[str] = []
    daemons = [Recorder("manager", notes), Recorder("worker", notes)]

    code = serve(daemons, ready=lambda: send(number), leaving=lambda: notes.append("leaving"))

    assert code == Exit.DONE
    assert notes == ["manager starts", "worker starts", "leaving", "worker stops", "manager stops"]


def test_one_that_cannot_start_stops_those_before_it() -> None:
    notes: list[str] = []
    daemons = [Recorder("manager", notes), Recorder("worker", notes, fails=True)]

    with pytest.raises(LedgerHeld):
        serve(daemons, ready=lambda: notes.append("ready"))

    assert notes == ["manager starts", "worker starts", "worker stops", "manager stops"]


def test_what_makes_going_on_senseless_ends_it() -> None:
    notes: list[str] = []

    async def broken() -> None:
        raise LedgerBroken("the ledger does not read")

    with pytest.raises(LedgerBroken):
        serve([Recorder("manager", notes)], ready=lambda: None, broken=broken)

    assert notes == ["manager starts", "manager stops"]


def test_one_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "STOP_SECONDS", 0.05)
    notes: list[str] = []

    code = serve([Recorder("worker", notes, hangs=True)], ready=lambda: send(signal.SIGTERM))

    assert (code, notes) == (Exit.FAILED, ["worker starts"])


def test_root_keeps_state_like_a_service_and_others_below_their_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert data_directory("manager") == Path("/var/lib/cube/manager")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert data_directory("worker") == tmp_path / "cube" / "worker"


@pytest.mark.parametrize("level", ["info", "error"])
def test_that_it_serves_is_said_at_any_level_and_in_the_form_of_the_log(
    level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    try:
        log.configure(level, format=log.LogFormat.JSON)
        announce("cube manager on here")
        assert json.loads(capsys.readouterr().err)["message"] == "cube manager on here"

        log.configure(level, format=log.LogFormat.TEXT)
        announce("cube manager on here")
        assert capsys.readouterr().err == "cube manager on here\n"
    finally:
        root.handlers[:] = handlers
        root.setLevel(before)
