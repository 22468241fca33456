"""The entry point: finds the command, runs it, turns errors into a sentence, a hint and an exit code.

A command's module is imported when it runs and not before; that is why the one-line helps stand
here.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer

# typer carries its own copy of click and gives these no public name.
from typer._click import Command, Context, HelpFormatter
from typer.core import TyperGroup
from typer.main import get_command

from cube import __version__
from cube.cli.exits import Exit
from cube.errors import CubeError, InvalidInput


class Entry(NamedTuple):
    """Where a command lives and what it says of itself in one line."""

    module: str
    help: str


COMMANDS = {
    "run": Entry("run", "Run a task file or an image and wait until it works."),
    "apply": Entry("apply", "Make a task be as its file says: create or change it."),
    "plan": Entry("plan", "Show what applying a task file would change, without doing it."),
    "status": Entry("status", "Show the cluster, or one task with its slots and events."),
    "describe": Entry("status", "`cube describe` and `cube status` are one command."),
    "top": Entry("top", "Show live what runs and what it uses."),
    "why": Entry("why", "Say why a task waits, or why it runs where it runs."),
    "logs": Entry("logs", "Show what a task's containers wrote."),
    "exec": Entry("exec", "Run a command inside a running container."),
    "cp": Entry("cp", "Copy files into a container, or out of one."),
    "events": Entry("events", "Show what happened, and when, and why."),
    "stop": Entry("stop", "Stop tasks and remove their containers."),
    "restart": Entry("restart", "Replace a task's containers one after the other."),
    "scale": Entry("scale", "Change how many of a task run: cube scale web=5."),
    "rollback": Entry("rollback", "Go back to what a task was before its last change."),
    "rebalance": Entry("rebalance", "Move replicas to where they would be placed today."),
    "wait": Entry("wait", "Wait until a task is running, healthy, completed or stopped."),
    "node": Entry("node", "List nodes; show, drain, cordon, uncordon or remove one."),
    "join-token": Entry("join_token", "Make, list and remove the tokens that machines join with."),
    "ca": Entry("ca", "Show or rotate the root of the cluster's certificates."),
    "registry": Entry("registry", "Set, list or remove accounts at registries of images."),
    "secret": Entry("secret", "Set, list or remove secrets, which tasks name."),
    "context": Entry("context", "List contexts; use, add, remove or show one."),
    "login": Entry(
        "login",
        "Try a token and keep it for the commands to come.",
    ),
    "token": Entry("token", "Make, list and revoke the tokens that let people in."),
    "audit": Entry("audit", "Show who did what, the newest last."),
    "manager": Entry("manager", "Start a manager."),
    "worker": Entry("worker", "Start a worker on this machine."),
    "dev": Entry("dev", "Start a manager and workers in one process, to try things out."),
    "doctor": Entry("doctor", "Check this machine and its manager, and say what mends it."),
    "debug": Entry("debug", "Write a bundle that helps somebody else to see what is wrong."),
    "completion": Entry("completion", "Print a script that completes commands and live names."),
    "version": Entry("version", "Show the versions of this command and of the manager."),
}


class LazyGroup(TyperGroup):
    """The commands of `COMMANDS`, each imported when it is asked for."""

    def list_commands(self, ctx: Context) -> list[str]:
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Import and return one command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            near = get_close_matches(cmd_name, COMMANDS, n=1)
            meant = f"; did you mean `cube {near[0]}`?" if near else ""
            if not ctx.resilient_parsing and not cmd_name.startswith("-"):
                ctx.fail(f"there is no command {cmd_name!r}{meant}")
            return None
        command = get_command(import_module(f"cube.cli.{entry.module}").app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write one line for each command without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"cube {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: Annotated[
        str, typer.Option("-c", "--context", metavar="NAME", help="The cluster: `cube context`.")
    ] = "",
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Run containers on one machine or fifty.

    Try it: `cube dev` in one terminal, `cube run busybox echo hello` in another.
    """
    if debug:
        os.environ["CUBE_DEBUG"] = "1"
    if context:  # said on the command line: the environment is not asked any more
        os.environ["CUBE_CONTEXT"] = context
        for variable in ("CUBE_MANAGER", "CUBE_MANAGER_HOST", "CUBE_MANAGER_PORT"):
            os.environ.pop(variable, None)


def main(args: list[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    code = run(sys.argv[1:] if args is None else args)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
    sys.exit(code)


def run(args: list[str]) -> int:
    """Run one command and return its exit code; what went wrong is told on stderr."""
    try:
        result: Any = get_command(app).main(args=args, prog_name="cube", standalone_mode=False)
        return int(result or 0)
    except CubeError as err:
        if os.environ.get("CUBE_DEBUG"):
            raise
        _tell(err)
        return err.exit_code
    except typer.TyperException as err:
        return _usage(err)
    except (KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    except (BrokenPipeError, SystemExit):  # typer makes the second of the first
        return Exit.DONE  # `cube status | head` has got what it wanted
    except Exception as err:
        if os.environ.get("CUBE_DEBUG"):
            raise
        _complain(f"{type(err).__name__}: {err}", "this is a bug in cube; --debug shows where")
        return Exit.FAILED


def _tell(err: CubeError) -> None:
    if isinstance(err, InvalidInput) and err.objections:
        for objection in err.objections:
            where = f"{objection.path}: " if objection.path else ""
            _complain(f"{where}{objection.message}")
        _complain("", err.hint)
    else:
        _complain(err.message, err.hint)


def _usage(err: typer.TyperException) -> int:
    context: Context | None = getattr(err, "ctx", None)
    if type(err).__name__ == "NoArgsIsHelpError" and context is not None:
        print(context.get_help())
        return Exit.DONE
    path = context.command_path if context is not None else "cube"
    text = err.format_message().rstrip(".")
    _complain(text[:1].lower() + text[1:], f"`{path} --help` shows what it takes")
    return Exit.USAGE


def _complain(what: str, hint: str = "") -> None:
    from cube.cli.output import note  # not loaded where all goes well: `cube --help`

    with suppress(BrokenPipeError):  # nobody reads it; the exit code says it too
        if what:
            note(f"cube: {what}")
        if hint:
            note(f"hint: {hint}")


def _drop_stdout() -> None:
    # The interpreter flushes stdout once more at its end and would complain then.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
