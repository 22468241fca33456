"""`cube ca`: the root of the cluster's certificates."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cube.cli.exits import Exit
from cube.cli.output import Format, FormatOption, lines, note, show_data
from cube.cli.target import ManagerOption, connect
from cube.wire.membership import RotationView

WAIT_SECONDS = 60.0  # connected workers take a second or two
LOOK_EVERY = 0.5

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def group() -> None:
    """Show or rotate the root of the cluster's certificates."""


@app.command("show")
def show(
    manager: ManagerOption = "",
    format: FormatOption = Format.TABLE,
    pem: Annotated[
        bool, typer.Option("--pem", help="Print the certificates of the roots.")
    ] = False,
) -> int:
    """Show the root, and how far a rotation of it is."""
    with connect(manager) as client:
        if pem:
            lines(client.roots().splitlines())
        elif format in (Format.JSON, Format.YAML):
            show_data(client.rotation(), format)
        else:
            lines(_facts(client.rotation()))
    return Exit.DONE


@app.command("rotate")
def rotate(
    manager: ManagerOption = "",
    finish: Annotated[
        bool,
        typer.Option(
            "--finish", help="Go on without those that are not connected: they need a token."
        ),
    ] = False,
    detach: Annotated[bool, typer.Option("-d", "--detach", help="Do not wait.")] = False,
) -> int:
    """Put a new root in the place of the old one. No container and no session notices."""
    with connect(manager) as client:
        before = client.rotation().pin
        seen = client.rotate(finish=finish)
        deadline = time.monotonic() + WAIT_SECONDS
        while seen.stage != "quiet" and not detach and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)
            seen = client.rotation()
    lines(_facts(seen))
    if seen.stage == "quiet":
        if seen.pin != before:
            note(
                "join tokens made before are worth nothing now, and other machines' CUBE_CA is old"
            )
        return Exit.DONE
    if detach:
        return Exit.DONE
    note("it goes on when those are back; `cube ca rotate --finish` ends it without them")
    return Exit.FAILED


def _facts(seen: RotationView) -> list[str]:
    facts = {
        "pin": seen.pin,
        "expires": f"{seen.expires_at:%Y-%m-%d}",
        "rotation": "none" if seen.stage == "quiet" else seen.stage,
        "missing": ", ".join(seen.missing),
    }
    return [f"{key + ':':<10}{value}" for key, value in facts.items() if value]
