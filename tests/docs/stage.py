"""Running a page: the cluster it asks for beside it, its blocks one after the other, and nothing left afterwards."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.docs.likeness import difference
from tests.docs.page import Block, Page, Step
from tests.docs.shell import Done, Shell
from tests.house.checkout import ROOT
from tests.scenarios.processes import docker, free_port

COMMAND_SECONDS = 120.0  # nothing takes a tenth of it, but on a machine that others keep busy
EVENTUALLY_SECONDS = 60.0
_SETTINGS = {5555: "CUBE_MANAGER_PORT", 5556: "CUBE_WORKER_PORT"}  # cube's own ports
_IN_BACKGROUND = re.compile(r"\s&\s*(#.*)?$")

Objection = Callable[[Done], str]
"""Says what is wrong with what a command did; empty: nothing."""


class Ports:
    """Free ports in place of cube's own, of which other pages speak at the same time; the page speaks of its own."""

    def __init__(self, others: Mapping[int, int]) -> None:
        self.others = others

    @classmethod
    def for_now(cls) -> Ports:
        """Ones that nobody listens on at present."""
        return cls({port: free_port() for port in _SETTINGS})

    def environment(self) -> dict[str, str]:
        """The settings by which commands that name no port find theirs."""
        return {_SETTINGS[port]: str(other) for port, other in self.others.items()}

    def real(self, text: str) -> str:
        """Return the command as it can be run here."""
        for port, other in self.others.items():
            text = re.sub(rf"\b{port}\b", str(other), text)
        if (manager := self.others.get(5555)) and "--port" not in text:
            text = re.sub(r"\bcube dev\b", f"cube dev --port {manager}", text)  # reads no setting
        return text

    def told(self, text: str) -> str:
        """Return the output as with the own ports of cube, where no hint has to name the manager."""
        text = text.replace(f" -m 127.0.0.1:{self.others.get(5555)} ", " ")
        for port, other in self.others.items():
            text = re.sub(rf"\b{other}\b", str(port), text)
        return text


class Stage:
    """A shell in which blocks of a page are run and held to what they show."""

    def __init__(self, shell: Shell, ports: Ports, where: Path) -> None:
        self._shell = shell
        self._ports = ports
        self._where = where

    def start(self, cluster: tuple[str, ...]) -> None:
        """Start the commands of a cluster; return when all of its workers are ready."""
        for command in cluster:
            done = self._shell.run(self._ports.real(f"cube {command} &"), COMMAND_SECONDS)
            assert done.code == 0, done.output
        if cluster:
            wanted = sum(map(workers_of, cluster))
            self._repeat(
                "cube node ls -o json", lambda done: "" if _ready(done) == wanted else "not ready"
            )

    def play(self, block: Block) -> None:
        """Run one block. AssertionError tells the command, and how the output differs."""
        if block.file:
            (self._where / block.file).write_text(self._ports.real(block.text))
        for command in block.before:
            done = self._shell.run(self._ports.real(command), COMMAND_SECONDS)
            assert done.code == 0, f"line {block.line}: before: {command}\n{done.output}"
        for number, step in enumerate(block.steps, 1):
            last = number == len(block.steps)
            self._play(block, step, block.exit if last else 0, ends=not (block.follows and last))

    def _play(self, block: Block, step: Step, code: int, *, ends: bool) -> None:
        def objection(done: Done) -> str:
            if ends and done.code != code:
                return f"the exit code is {done.code}, and not {code}"
            return (
                "" if step.shown is None else difference(step.shown, self._ports.told(done.output))
            )

        command = self._ports.real(step.command)
        if block.eventually:
            wrong, done = self._repeat(command, objection)
        elif not ends or _IN_BACKGROUND.search(command):
            one = _IN_BACKGROUND.sub("", command)
            wrong, done = self._until_shown(f"{one} &", objection)
            if not ends:
                self._shell.run("kill $!; wait $!", COMMAND_SECONDS)
        else:
            done = self._shell.run(command, COMMAND_SECONDS)
            wrong = objection(done)
        assert not wrong, (
            f"line {block.line}: {wrong}\n$ {step.command}\n{self._ports.told(done.output)}"
        )

    def _until_shown(self, command: str, objection: Objection) -> tuple[str, Done]:
        """Start what goes on by itself, and wait for what the page shows of it."""
        wrong = ""

        def enough(done: Done) -> bool:
            nonlocal wrong
            wrong = "not started" if done.code is None else objection(done)
            return not wrong or time.monotonic() > deadline

        deadline = time.monotonic() + EVENTUALLY_SECONDS
        done = self._shell.watch(command, 2 * EVENTUALLY_SECONDS, enough)
        return wrong, done

    def _repeat(self, command: str, objection: Objection) -> tuple[str, Done]:
        """Run the command until nothing is wrong with it, or the time is over."""
        deadline = time.monotonic() + EVENTUALLY_SECONDS
        while True:
            done = self._shell.run(command, COMMAND_SECONDS)
            wrong = objection(done)
            if not wrong or time.monotonic() > deadline:
                return wrong, done


def workers_of(command: str) -> int:
    """How many workers a command of a cluster starts: `dev --workers 3`, `worker start --name w1`."""
    if command.startswith("worker start"):
        return 1
    if not command.startswith("dev"):
        return 0
    count = re.search(r"(?:--workers|-w) (\d+)", command)
    return int(count[1]) if count else 1


@contextmanager
def staged(page: Page, where: Path | None, home: Path) -> Iterator[Stage]:
    """The page's stage with its cluster on it. `where`: the directory it is run in, an empty one without."""
    ports = Ports.for_now()
    if where is None:
        where = home / "here"
        where.mkdir()
        (where / "task-examples").symlink_to(ROOT / "task-examples")
    (home / "tmp").mkdir()
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    own = {
        "PATH": path,
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }
    engine = {"DOCKER_HOST": os.environ["DOCKER_HOST"]} if "DOCKER_HOST" in os.environ else {}
    try:
        with Shell(home, where, {**own, **engine, **ports.environment()}) as shell:
            stage = Stage(shell, ports, where)
            stage.start(page.cluster)
            yield stage
    finally:
        remove_containers(home)


def remove_containers(home: Path) -> None:
    """Remove every container of the nodes whose identity lies somewhere under `home`, and their volumes."""
    nodes = {json.loads(path.read_text())["node_id"] for path in home.rglob("node.json")}
    for node in nodes:
        if left := docker("ps", "-aq", "--filter", f"label=cube.node={node}").split():
            docker("rm", "--force", "--volumes", *left)


def _ready(done: Done) -> int:
    if done.code != 0:
        return 0
    return sum(
        node["condition"] == "ready" and node["connected"] for node in json.loads(done.output)
    )
