"""The stage of a page: its ports, its cluster and its shell."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.docs.page import Block, Step, read_page
from tests.docs.shell import Shell
from tests.docs.stage import Ports, Stage, workers_of


@pytest.fixture
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Stage:
    shell = Shell(tmp_path, tmp_path, {"PATH": os.environ["PATH"]})
    request.addfinalizer(lambda: shell.__exit__(None, None, None))
    return Stage(shell, Ports({}), tmp_path)


def play(stage: Stage, text: str) -> None:
    for block in read_page(text).blocks:
        stage.play(block)


def test_a_page_speaks_of_cubes_own_ports_whatever_they_are_here() -> None:
    ports = Ports({5555: 7001, 5556: 7002})

    assert ports.real("curl localhost:5555/task") == "curl localhost:7001/task"
    assert ports.real("cube dev --workers 3 &") == "cube dev --port 7001 --workers 3 &"
    assert ports.told("ready on 127.0.0.1:7001 and 7002") == "ready on 127.0.0.1:5555 and 5556"
    assert ports.told("cube logs -m 127.0.0.1:7001 hello") == "cube logs hello"
    assert ports.environment() == {"CUBE_MANAGER_PORT": "7001", "CUBE_WORKER_PORT": "7002"}


def test_without_other_ports_a_command_is_left_as_it_is() -> None:
    assert Ports({}).real("cube dev; curl localhost:5555") == "cube dev; curl localhost:5555"


@pytest.mark.parametrize(
    ("command", "workers"),
    [("dev", 1), ("dev --workers 3", 3), ("manager start", 0), ("worker start --name w1", 1)],
)
def test_the_workers_of_a_cluster_are_counted(command: str, workers: int) -> None:
    assert workers_of(command) == workers


@pytest.mark.docker  # not for the engine: for root, as where there is one
def test_commands_share_a_shell_and_files_are_saved(stage: Stage) -> None:
    play(stage, "<!-- file: a.txt -->\n```json\nhello\n```\n```sh\nname=a.txt\n```\n")
    play(stage, "```console\n$ cat $name\nhello\n$ echo out; echo err >&2\nout\nerr\n```\n")


@pytest.mark.docker  # not for the engine: for root, as where there is one
def test_only_the_last_command_may_fail_and_only_as_told(stage: Stage) -> None:
    play(stage, "<!-- exit: 3 -->\n```console\n$ true\n$ (exit 3)\n```\n")
    with pytest.raises(AssertionError, match="the exit code is 3, and not 0"):
        play(stage, "```console\n$ (exit 3)\n```\n")
    with pytest.raises(AssertionError, match="the exit code is 1, and not 0"):
        play(stage, "<!-- exit: 3 -->\n```console\n$ false\n$ (exit 3)\n```\n")


@pytest.mark.docker  # not for the engine: for root, as where there is one
def test_what_differs_is_told_with_its_line(stage: Stage) -> None:
    with pytest.raises(AssertionError, match="line 3: the page shows, and it did not come: b"):
        play(stage, "# Title\n\n```console\n$ echo a\nb\n```\n")


@pytest.mark.docker  # not for the engine: for root, as where there is one
def test_what_comes_later_is_waited_for(stage: Stage) -> None:
    play(
        stage,
        "<!-- before: (sleep 0.1; touch there) & -->\n<!-- eventually -->\n```sh\nls there\n```\n",
    )
    play(
        stage,
        "```console\n$ (sleep 0.1; echo ready; sleep 60) &\nready\n$ jobs -r\n...sleep 60...\n```\n",
    )


@pytest.mark.docker  # not for the engine: for root, as where there is one
def test_what_follows_is_ended_when_it_has_shown_enough(stage: Stage) -> None:
    play(stage, "<!-- follows -->\n```console\n$ echo a; exec sleep 60\na\n```\n")
    stage.play(Block(1, "console", "", (Step("jobs -r", ()),)))
