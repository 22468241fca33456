"""The screen of `cube top`, driven by keys without a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from cube.cli.top_rows import Look
from cube.cli.top_screen import TopScreen
from cube.errors import ManagerAway
from tests.cli.test_top_rows import LOOK

NEVER = 3600.0  # looks come from the test


class Screen(TopScreen):
    """One that hands no terminal over, for there is none."""

    @contextlib.contextmanager
    def suspend(self) -> Iterator[None]:
        yield


class Stage:
    """A screen with what it is shown and what it ran."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.away = False
        self.screen = Screen(self.look, self.run, every=NEVER)

    def look(self) -> Look:
        if self.away:
            raise ManagerAway("no manager answers at 127.0.0.1:5555")
        return LOOK

    def run(self, command: Sequence[str]) -> None:
        self.ran.append(list(command))

    def slots(self) -> list[str]:
        table: DataTable[Any] = self.screen.query_one("#slots", DataTable)
        return [str(table.get_row_at(row)[0]) for row in range(table.row_count)]

    def told(self) -> str:
        return str(self.screen.query_one("#cluster", Static).render())

    async def seen(self, pilot: Pilot[None]) -> None:
        """Return when what was asked is on the screen."""
        await self.screen.workers.wait_for_complete()
        await pilot.pause()


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_it_shows_slots_and_nodes_and_leaves_by_q(stage: Stage) -> None:
    async with stage.screen.run_test(size=(100, 30)) as pilot:
        await stage.seen(pilot)
        assert stage.slots() == ["web.1", "web.2", "web.3"]
        assert stage.told().startswith("manager 127.0.0.1:5555 | nodes 1/1 ready")
        await pilot.press("q")

    assert stage.screen.return_code == 0


async def test_typing_filters_and_escape_shows_all_again(stage: Stage) -> None:
    async with stage.screen.run_test(size=(100, 30)) as pilot:
        await stage.seen(pilot)
        await pilot.press("slash", *"unhealthy")
        assert stage.slots() == ["web.2"]
        await pilot.press("escape")
        assert stage.slots() == ["web.1", "web.2", "web.3"]


async def test_s_sorts_by_the_next_column_with_most_first(stage: Stage) -> None:
    async with stage.screen.run_test(size=(100, 30)) as pilot:
        await stage.seen(pilot)
        await pilot.press("s", "s", "s")
        await pilot.pause()
        assert stage.slots() == ["web.2", "web.1", "web.3"]


async def test_keys_hand_the_selected_over_to_other_commands(stage: Stage) -> None:
    async with stage.screen.run_test(size=(100, 30)) as pilot:
        await stage.seen(pilot)
        await pilot.press("slash", *"unhealthy", "enter", "l", "e", "d", "tab", "d", "l")

    assert stage.ran == [
        ["logs", "-f", "-n", "100", "web"],
        ["exec", "-it", "web.2", "sh"],
        ["describe", "web", "--watch"],
        ["node", "show", "n-w1", "--watch"],
    ]


async def test_the_selected_row_stays_selected_when_rows_move(stage: Stage) -> None:
    async with stage.screen.run_test(size=(100, 30)) as pilot:
        await stage.seen(pilot)
        await pilot.press("s", "s", "s", "e")  # by cpu: web.1 is second
        await pilot.press("s", "s", "e")  # by restarts: it is first again

    assert stage.ran == [["exec", "-it", "web.1", "sh"]] * 2


async def test_what_is_old_is_marked_when_the_manager_is_away(stage: Stage) -> None:
    async with stage.screen.run_test(size=(100, 30)) as pilot:
        await stage.seen(pilot)
        stage.away = True
        stage.screen._look_again()
        await stage.seen(pilot)
        assert "STALE since" in stage.told()
        assert stage.slots() == ["web.1", "web.2", "web.3"]
