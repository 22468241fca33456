"""The page of every command's usage and options, made from the commands themselves: docs/reference/options.md."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer._click import Command, Context, Parameter
from typer.core import TyperGroup
from typer.main import get_command

HEADING = """\
# Options of the commands

Written by `scripts/reference` from the commands themselves, and the same as `--help` says. What they do is told in
[the command's reference](command.md).
"""


def options_page(app: typer.Typer) -> str:
    """Return the page in Markdown. The same commands give the same text."""
    root = get_command(app)
    commands = _commands(Context(root, info_name="cube", max_content_width=10_000))
    return "\n".join([HEADING, *(_section(context) for context in commands)])


def _commands(context: Context) -> Iterator[Context]:
    """Every command and every group, in the order of the help, each after the group that it is in."""
    yield context
    if isinstance(context.command, TyperGroup):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _commands(Context(command, info_name=name, parent=context))


def _section(context: Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    about = _first_paragraph(command)
    rows = [row for one in command.get_params(context) if (row := _row(one, context))]
    table = ["| option | meaning |", "|---|---|", *rows] if rows else []
    parts = [f"## `{context.command_path}`", f"```text\n{usage}\n```", about, "\n".join(table)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _first_paragraph(command: Command) -> str:
    return " ".join((command.help or "").split("\n\n", 1)[0].split())


def _row(parameter: Parameter, context: Context) -> str:
    """Return the line of one option or argument; empty of `--help`, and of what the help leaves out."""
    record = parameter.get_help_record(context)
    if record is None or "--help" in parameter.opts:
        return ""
    written, meaning = record
    return "| " + " | ".join((f"`{_cell(written)}`", _cell(meaning))) + " |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
