"""`cube completion bash|zsh|fish`: the script that completes commands, flags and the names of what there is.

Commands and flags stand in the script, so that only a live name costs a call.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import typer

from cube.cli.exits import Exit

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Shell(StrEnum):
    """For whom the script is."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


class Flag(NamedTuple):
    """One option: its spellings, what it takes (empty: nothing), and its help."""

    names: tuple[str, ...]
    takes: str
    help: str


class Line(NamedTuple):
    """One command by its path: `node drain`. `takes` is what its arguments are."""

    path: str
    help: str
    flags: tuple[Flag, ...]
    takes: str
    subcommands: tuple[str, ...]


@app.command()
def completion(
    shell: Annotated[Shell, typer.Argument(help="Whose script to print.")],
) -> int:
    """Print a script that completes commands and live names.

    bash: source <(cube completion bash)      in ~/.bashrc

    zsh:  source <(cube completion zsh)       in ~/.zshrc, after compinit

    fish: cube completion fish | source       in ~/.config/fish/config.fish
    """
    lines = list(command_lines())
    script = {Shell.BASH: bash_script, Shell.ZSH: zsh_script, Shell.FISH: fish_script}[shell]
    sys.stdout.write(script(lines))
    return Exit.DONE


def command_lines() -> Iterator[Line]:
    """Yield every command, the root with an empty path first."""
    from typer.main import get_command

    from cube.cli.app import app as root

    yield from _walk(get_command(root), "")


def _walk(command: Any, path: str) -> Iterator[Line]:
    context = command.make_context("cube", [], resilient_parsing=True)
    names = tuple(command.list_commands(context)) if hasattr(command, "list_commands") else ()
    options = [one for one in command.params if one.param_type_name == "option"]
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    flags = tuple(
        Flag((*one.opts, *one.secondary_opts), _takes(one, path), one.help or "") for one in options
    )
    takes = next((kind for one in arguments if (kind := _takes(one, path))), "")
    yield Line(path, command.get_short_help_str(80), flags, takes, names)
    for name in names:
        yield from _walk(command.get_command(context, name), f"{path} {name}".strip())


def _takes(parameter: Any, path: str) -> str:
    """Return `task`, `node`, `context`, `file`, the words to choose from, or nothing that can be completed."""
    if getattr(parameter, "is_flag", False):
        return ""
    if choices := getattr(parameter.type, "choices", None):
        return " ".join(str(getattr(one, "value", one)) for one in choices)
    metavar = parameter.metavar or parameter.name.upper()
    if "--context" in parameter.opts or (path.startswith("context ") and "NAME" in metavar):
        return "context" if path != "context add" else ""
    for word, kind in (("FILE", "file"), ("TASK", "task"), ("NODE", "node"), ("DATA", "file")):
        if word in metavar:
            return kind
    return ""


LIVE = ("task", "node", "context")


def bash_script(lines: list[Line]) -> str:
    """Return what bash sources."""
    paths = " | ".join(f"' {line.path}'" for line in lines if line.path)
    return _BASH.format(
        paths=paths,
        values="\n".join(_bash_values(lines)),
        flags="\n".join(
            f"            '{line.path}') _cube_words '{_flag_words(line)}' ;;" for line in lines
        ),
        arguments="\n".join(f"        '{line.path}') {_bash_argument(line)} ;;" for line in lines),
    )


def _bash_values(lines: list[Line]) -> Iterator[str]:
    for line in lines:
        for flag in line.flags:
            if flag.takes:
                case = " | ".join(f"'{line.path}:{name}'" for name in flag.names)
                yield f"        {case}) {_bash_kind(flag.takes)}; return ;;"


def _bash_argument(line: Line) -> str:
    return (
        f"_cube_words '{' '.join(line.subcommands)}'"
        if line.subcommands
        else _bash_kind(line.takes)
    )


def _bash_kind(takes: str) -> str:
    if takes in LIVE:
        return f"_cube_live {takes}"
    if takes == "file":
        return "compopt -o default 2>/dev/null"
    return f"_cube_words '{takes}'"


def _flag_words(line: Line) -> str:
    return " ".join(name for flag in line.flags for name in flag.names if name.startswith("--"))


_BASH = """\
# Completion of cube. Made by `cube completion`.
_cube_words() {{
    COMPREPLY=($(compgen -W "$1" -- "$cur"))
}}
_cube_live() {{
    COMPREPLY=($(command cube __complete "$1" "$cur" 2>/dev/null))
}}
_cube() {{
    # Not `path`: to zsh that is PATH.
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} at= i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{at:+ $at}} ${{COMP_WORDS[i]}}" in
        {paths}) at="${{at:+$at }}${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "$at:$prev" in
{values}
    esac
    case "$cur" in
    -*)
        case "$at" in
{flags}
        esac
        return
        ;;
    esac
    case "$at" in
{arguments}
    esac
}}
complete -F _cube cube
"""


def zsh_script(lines: list[Line]) -> str:
    """Return what zsh sources: it reads the script of bash."""
    return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(lines)


def fish_script(lines: list[Line]) -> str:
    """Return what fish sources."""
    told = ["# Completion of cube. Made by `cube completion`.", "complete -c cube -f"]
    for line in lines:
        where = _fish_condition(line)
        helps = {one.path: one.help for one in lines}
        for name in line.subcommands:
            about = _fish_quoted(helps.get(f"{line.path} {name}".strip(), ""))
            told.append(f"complete -c cube -n '{where}' -a {name} -d {about}")
        for flag in line.flags:
            told.append(f"complete -c cube -n '{where}' {_fish_flag(flag)}")
        if line.takes:
            told.append(f"complete -c cube -n '{where}' {_fish_kind(line.takes)}")
    return "\n".join(told) + "\n"


def _fish_condition(line: Line) -> str:
    if not line.path:
        return "__fish_use_subcommand"
    seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in line.path.split())
    if line.subcommands:
        seen += f"; and not __fish_seen_subcommand_from {' '.join(line.subcommands)}"
    return seen


def _fish_flag(flag: Flag) -> str:
    words = [f"-l {name[2:]}" for name in flag.names if name.startswith("--")]
    words += [f"-s {name[1:]}" for name in flag.names if not name.startswith("--")]
    if flag.takes:
        words.append(f"-x {_fish_kind(flag.takes)}" if flag.takes != "file" else "-r -F")
    return f"{' '.join(words)} -d {_fish_quoted(flag.help)}"


def _fish_kind(takes: str) -> str:
    if takes in LIVE:
        return f"-a '(cube __complete {takes} (commandline -ct) 2>/dev/null)'"
    return "-F" if takes == "file" else f"-a {_fish_quoted(takes)}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
