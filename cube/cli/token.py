"""`cube token`: who gets in, as what, for how long."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cube.cli import words
from cube.cli.amounts import duration_option
from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, QuietOption, lines, note, show_data, show_list
from cube.cli.tables import Cell, Table
from cube.cli.target import ManagerOption, connect
from cube.errors import InvalidInput, Objection
from cube.model.role import HUMAN, Role
from cube.wire.access_views import TTL_MOST_MS, TTL_MS, TokenView

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def group() -> None:
    """Make, list and revoke the tokens that let people in."""


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, or what it is for.")],
    role: Annotated[str, typer.Option("--role", help="viewer, operator, shell or admin.")],
    ttl: Annotated[str, typer.Option("--ttl", help="How long it opens: `90d`, `8h`.")] = "",
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
) -> int:
    """Make a token and print it; it is told this once."""
    ttl_ms = _ttl(ttl)
    with connect(manager) as client:
        made = client.create_token(name, _role(role), ttl_ms)
    if format in (Format.JSON, Format.YAML):
        show_data(made, format)
        return Exit.DONE
    lines([made.token])
    note(
        f"{made.role} until {made.expires_at:%Y-%m-%d %H:%M} UTC; nobody can show it again. "
        f"`cube login` reads it, `cube token rm {made.id}` revokes it"
    )
    return Exit.DONE


@app.command("ls")
def ls(
    manager: ManagerOption = "", format: FormatOption = Format.TABLE, quiet: QuietOption = False
) -> int:
    """List the tokens, without their secrets."""
    with connect(manager) as client:
        found = client.tokens()
    now = datetime.now(UTC)
    show_list(found, format, quiet, lambda wide: _table(found, now))
    return Exit.DONE


@app.command("rm")
def rm(
    refs: Annotated[list[str], typer.Argument(metavar="TOKEN...", help="Ids or names.")],
    manager: ManagerOption = "",
) -> int:
    """Revoke tokens; what they have open is cut."""
    with connect(manager) as client:
        for ref in refs:
            client.remove_token(ref)
            lines([ref])
    return Exit.DONE


def _role(text: str) -> Role:
    try:
        role = Role(text)
    except ValueError:
        role = Role.WORKER
    if role not in HUMAN:
        raise InvalidInput((Objection("--role", f"must be one of {', '.join(sorted(HUMAN))}"),))
    return role


def _ttl(text: str) -> int:
    seconds = duration_option("--ttl", text)
    if seconds is None:
        return TTL_MS
    if not 1000 <= seconds * 1000 <= TTL_MOST_MS:
        raise InvalidInput((Objection("--ttl", "must be between 1 second and 3650 days"),))
    return round(seconds * 1000)


def _table(tokens: list[TokenView], now: datetime) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(one.id),
            Cell(one.name),
            Cell(one.role.value),
            Cell("expired" if one.expired else f"{one.expires_at:%Y-%m-%d}"),
            Cell(f"{words.age(one.used_at, now)} ago" if one.used_at else "never"),
            Cell(one.created_by),
        )
        for one in tokens
    ]
    return Table(("ID", "NAME", "ROLE", "EXPIRES", "USED", "BY"), rows)
