"""The page of options: all commands, each with what it takes."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cube.cli.app import COMMANDS, app
from cube.cli.options_page import options_page


def test_every_command_is_on_the_page_in_the_order_of_the_help() -> None:
    headings = re.findall(r"^## `cube ([\w-]+)`", options_page(app), re.MULTILINE)

    assert headings == [*COMMANDS]
    assert "## `cube node drain`" in options_page(app)


def test_a_command_has_its_usage_its_sentence_and_its_options() -> None:
    small = typer.Typer(add_completion=False)

    @small.command()
    def greet(
        name: Annotated[str, typer.Argument(metavar="NAME", help="Whom to greet.")],
        loud: Annotated[bool, typer.Option("-l", "--loud", envvar="LOUD", help="a|b")] = False,
    ) -> None:
        """Greet somebody.

        A second paragraph stays in the help.
        """

    assert options_page(small).endswith(
        "## `cube`\n\n```text\ncube [OPTIONS] {NAME}\n```\n\nGreet somebody.\n\n"
        "| option | meaning |\n|---|---|\n"
        "| `NAME` | Whom to greet. [required] |\n"
        "| `-l, --loud` | a\\|b [env var: LOUD] |\n"
    )
