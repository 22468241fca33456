"""The screen of `cube top`. Holds what is typed and selected; what is shown comes from `top_rows`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Footer, Input, Static

from cube.cli.top_rows import (
    NODE_COLUMNS,
    SLOT_COLUMNS,
    Look,
    Row,
    chosen,
    header,
    node_rows,
    slot_rows,
)
from cube.cli.words import sign
from cube.errors import CubeError

EVERY_SECONDS = 2.0  # a look costs each engine a reading of its containers
DOWNWARDS = frozenset({"CPU", "MEMORY", "RESTARTS", "SLOTS", "RESERVED"})  # most first


class TopScreen(App[None]):
    """Slots above, nodes below, both live. Textual's own state is all that is kept between two looks."""

    CSS = """
    #cluster { height: auto; background: $panel; padding: 0 1; }
    #slots { height: 3fr; }
    #nodes { height: 1fr; min-height: 4; border-top: solid $panel; }
    #filter { dock: bottom; display: none; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter"),
        Binding("escape", "clear", "Clear", show=False),
        Binding("s", "sort", "Sort"),
        Binding("l", "logs", "Logs"),
        Binding("e", "exec", "Shell"),
        Binding("d", "describe", "Describe"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(
        self,
        look: Callable[[], Look],
        run: Callable[[Sequence[str]], None],
        *,
        every: float = EVERY_SECONDS,
    ) -> None:
        """`look` waits for the manager, on a thread of its own; `run` takes the terminal for another command."""
        super().__init__()
        self._look = look
        self._run = run
        self._every = every
        self._looking = False
        self._seen: Look | None = None
        self._sorted = {"slots": 0, "nodes": 0}
        self._rows: dict[str, list[Row]] = {"slots": [], "nodes": []}

    def compose(self) -> ComposeResult:
        """What is on the screen."""
        yield Static("asking the manager …", id="cluster", markup=False)
        yield DataTable(id="slots", cursor_type="row", zebra_stripes=True)
        yield DataTable(id="nodes", cursor_type="row", zebra_stripes=True)
        yield Input(placeholder="words that a row must have; !word: must not", id="filter")
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        self._mark("slots", SLOT_COLUMNS)
        self._mark("nodes", NODE_COLUMNS)
        self.query_one("#slots").focus()
        self._look_again()
        self.set_interval(self._every, self._look_again)

    def _look_again(self) -> None:
        if not self._looking:  # one at a time: a manager that takes long is not asked twice
            self._looking = True
            self.run_worker(self._ask, thread=True, name="look")

    def _ask(self) -> None:
        try:
            seen = self._look()
        except CubeError as err:
            self.call_from_thread(self._stale, err.message)
        else:
            self.call_from_thread(self._show, seen)
        finally:
            self._looking = False

    def _show(self, seen: Look) -> None:
        self._seen = seen
        self.query_one("#cluster", Static).update(header(seen))
        self._draw()

    def _stale(self, why: str) -> None:
        told = header(self._seen, why) if self._seen else why
        self.query_one("#cluster", Static).update(told)

    def _draw(self) -> None:
        if self._seen is None:
            return
        self._fill("slots", SLOT_COLUMNS, slot_rows(self._seen))
        self._fill("nodes", NODE_COLUMNS, node_rows(self._seen))

    def _fill(self, name: str, columns: tuple[str, ...], rows: list[Row]) -> None:
        """Write what has changed; the cursor stays on the row that it was on."""
        column = self._sorted[name]
        typed = self.query_one("#filter", Input).value if name == "slots" else ""
        selected, before = self._selected(name), self._rows[name]
        fresh = chosen(rows, typed, column, downwards=columns[column] in DOWNWARDS)
        self._rows[name] = fresh
        table: DataTable[Text] = self.query_one(f"#{name}", DataTable)
        if [row.key for row in before] == [row.key for row in fresh]:
            for number, (old, new) in enumerate(zip(before, fresh, strict=True)):
                for place, cell in enumerate(_drawn(new)):
                    if old.cells[place] != new.cells[place]:
                        table.update_cell_at(Coordinate(number, place), cell, update_width=True)
            return
        table.clear()
        for row in fresh:
            table.add_row(*_drawn(row), key=row.key)
        self._select(name, selected)

    def _select(self, name: str, row: Row | None) -> None:
        keys = [one.key for one in self._rows[name]]
        if row is not None and row.key in keys:
            self.query_one(f"#{name}", DataTable).move_cursor(row=keys.index(row.key))

    def _mark(self, name: str, columns: tuple[str, ...]) -> None:
        """Write the heading, with an arrow at the column that is sorted by."""
        table: DataTable[Text] = self.query_one(f"#{name}", DataTable)
        table.clear(columns=True)
        self._rows[name] = []
        for number, title in enumerate(columns):
            table.add_column(f"{title} ↓" if number == self._sorted[name] else f"{title}  ")

    def _selected(self, name: str) -> Row | None:
        rows, number = self._rows[name], self.query_one(f"#{name}", DataTable).cursor_row
        return rows[number] if 0 <= number < len(rows) else None

    def action_filter(self) -> None:
        """Type words that a row must have."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_changed(self) -> None:
        """Show what fits at each key."""
        self._draw()

    def on_input_submitted(self) -> None:
        """Go back to the rows, filtered."""
        self.query_one("#slots").focus()

    def action_clear(self) -> None:
        """Show everything again."""
        field = self.query_one("#filter", Input)
        field.value = ""
        field.display = False
        self.query_one("#slots").focus()

    def action_sort(self) -> None:
        """Sort by the next column of the table that is in use."""
        name = self._in_use()
        columns = SLOT_COLUMNS if name == "slots" else NODE_COLUMNS
        self._sorted[name] = (self._sorted[name] + 1) % len(columns)
        selected = self._selected(name)
        self._mark(name, columns)
        self._draw()
        self._select(name, selected)

    def action_logs(self) -> None:
        """Follow the logs of the selected slot's task; Ctrl-C comes back."""
        if row := self._slot():
            self._hand_over(["logs", "-f", "-n", "100", row.task])

    def action_exec(self) -> None:
        """Open a shell in the selected slot."""
        if row := self._slot():
            self._hand_over(["exec", "-it", row.order[0], "sh"])

    def action_describe(self) -> None:
        """Show the selected task or node in full."""
        name = self._in_use()
        row = self._selected(name)
        if row is not None:
            about = ["node", "show", row.key] if name == "nodes" else ["describe", row.task]
            self._hand_over([*about, "--watch"])

    def _slot(self) -> Row | None:
        return self._selected("slots") if self._in_use() == "slots" else None

    def _in_use(self) -> str:
        return "nodes" if self.query_one("#nodes").has_focus else "slots"

    def _hand_over(self, command: Sequence[object]) -> None:
        with self.suspend():
            self._run([str(word) for word in command])


def _drawn(row: Row) -> list[Text]:
    colour = sign(row.state)[1]
    return [
        Text(cell, style=colour if number == 1 else "") for number, cell in enumerate(row.cells)
    ]
