"""Commands and copies through the manager, on the real engine: what a user types, gets back, and leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.processes import SERVE, Cluster, docker, eventually, ready_cluster
from tests.scenarios.pty_user import AtTerminal

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster with the task `web`, of which two slots run."""
    with ready_cluster(tmp_path_factory.mktemp("exec"), "w1") as cluster:
        _run_web(cluster)
        yield cluster


def _run_web(cluster: Cluster, replicas: int = 2) -> None:
    made = cluster.cube(
        "run", "--name", "web", "--replicas", str(replicas), "busybox:latest", *SERVE
    )
    assert made.returncode == 0, made.stderr


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cube", *arguments]


def _inside(cluster: Cluster, marker: str) -> list[str]:
    """The processes with this word in their command line, in any container of the task."""
    return [
        line
        for container in cluster.containers("web")
        for line in docker("top", container, "-eo", "pid,args").splitlines()[1:]
        if marker in line
    ]


def test_output_errors_and_the_exit_code_come_back_apart(shared: Cluster) -> None:
    done = shared.cube("exec", "web.1", "--", "sh", "-c", "echo out; echo bad >&2; exit 7")

    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "bad\n")


def test_a_command_that_is_not_there_is_127_and_said(shared: Cluster) -> None:
    done = shared.cube("exec", "web.1", "no-such-command")

    assert (done.returncode, done.stdout) == (127, "")
    assert "no-such-command not found" in done.stderr


def test_user_folder_and_variables_are_as_asked(shared: Cluster) -> None:
    asked = ("-u", "1234:5678", "-w", "/tmp", "-e", "GREETING=hello there")

    done = shared.cube("exec", *asked, "web.1", "sh", "-c", "id -u; id -g; pwd; echo $GREETING")

    assert done.stdout.splitlines() == ["1234", "5678", "/tmp", "hello there"]


def test_without_a_slot_the_first_that_runs_is_taken_and_named(shared: Cluster) -> None:
    done = shared.cube("exec", "web", "true")

    assert (done.returncode, done.stderr.strip()) == (0, "cube: in web.1 on w1")


def test_what_does_not_run_or_does_not_exist_is_said(shared: Cluster) -> None:
    missing = shared.cube("exec", "nosuch", "true")
    beyond = shared.cube("exec", "web.9", "true")

    assert (missing.returncode, beyond.returncode) == (3, 6)
    assert "no task nosuch" in missing.stderr
    assert "web.9 does not run" in beyond.stderr


def test_ten_megabytes_of_any_bytes_pass_unharmed(shared: Cluster, tmp_path: Path) -> None:
    noise = os.urandom(10_000_000)
    given = tmp_path / "given"
    given.write_bytes(noise)

    with given.open("rb") as stdin:
        done = subprocess.run(
            _command("exec", "-i", "web.1", "cat"),
            env=shared._environment,
            stdin=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert done.stdout == noise


def test_a_terminal_is_one_in_every_way(shared: Cluster) -> None:
    user = AtTerminal(_command("exec", "-it", "web.1", "sh"), shared._environment)
    with user:
        before = user.attributes()
        user.sees(b"# ")
        user.type(b"stty size; echo rea''dy\n")
        user.sees(b"24 80")
        user.sees(b"ready")
        user.resize(50, 132)
        user.process.send_signal(signal.SIGWINCH)
        user.type(b"while [ \"$(stty size)\" != '50 132' ]; do :; done; echo resi''zed\n")
        user.sees(b"resized")
        user.type(b"sleep 1000\n")
        eventually(lambda: _inside(shared, "sleep 1000"), lambda found: bool(found), 20)
        user.type(b"\x03")
        user.sees(b"^C")
        user.sees(b"# ")  # the shell takes no keys before it asks for them
        user.type(b"exit 7\n")

        assert user.ended() == 7
        assert user.attributes() == before


def test_the_terminal_is_put_back_when_the_session_is_ended_by_a_signal(shared: Cluster) -> None:
    with AtTerminal(_command("exec", "-it", "web.1", "sh"), shared._environment) as user:
        before = user.attributes()
        user.sees(b"# ")
        user.type(b"echo rea''dy\n")
        user.sees(b"ready")
        assert user.attributes() != before

        user.process.send_signal(signal.SIGTERM)

        assert user.ended() == 128 + signal.SIGTERM
        assert user.attributes() == before


def test_a_signal_without_a_terminal_reaches_the_command(shared: Cluster, tmp_path: Path) -> None:
    # Its stdin is full: a signal must not stand behind it.
    script = "trap 'echo caught; exit 9' INT; echo up; while :; do sleep 0.1; done"
    with Path("/dev/zero").open("rb") as zeros, (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            _command("exec", "-i", "web.1", "sh", "-c", script),
            env=shared._environment,
            stdin=zeros,
            stdout=out,
        )
        try:
            written = tmp_path / "out"
            eventually(written.read_text, lambda text: text == "up\n", 20)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 9
        finally:
            process.kill()
            process.wait(10)
    assert written.read_text() == "up\ncaught\n"


@pytest.mark.parametrize("flags", [["-i"], ["-it"], []], ids=["stdin", "terminal", "neither"])
def test_what_a_killed_client_leaves_behind_is_killed(shared: Cluster, flags: list[str]) -> None:
    # It ignores the hang-up, and has a child.
    left = "trap '' HUP; sleep 98765 & sleep 98766; true"
    with AtTerminal(
        _command("exec", *flags, "web.1", "sh", "-c", left), shared._environment
    ) as user:
        eventually(lambda: _inside(shared, "9876"), lambda found: len(found) >= 3, 20)

        user.process.kill()

        # 1 s of grace after the hang-up; a busy machine gets a little more.
        eventually(lambda: _inside(shared, "9876"), lambda found: not found, 5)


def test_a_stopped_worker_takes_the_commands_of_its_users_with_it(cluster: Cluster) -> None:
    cluster.start_ready("w1")
    _run_web(cluster, replicas=1)
    with cluster.following("exec", "web", "sleep", "98765") as command:
        eventually(lambda: _inside(cluster, "98765"), lambda found: len(found) == 1, 20)

        cluster.stop("w1")

        assert command.wait(10) == 1
        assert "broke off" in command.complaints()
    eventually(lambda: _inside(cluster, "98765"), lambda found: not found, 5)
    cluster.start_worker("w1")
    eventually(cluster.nodes_ready, lambda ready: ready == ["w1"], 15)


def test_a_worker_that_is_cut_ends_its_clients_with_an_error(cluster: Cluster) -> None:
    cluster.start_ready("w1")
    _run_web(cluster, replicas=1)
    with cluster.following("exec", "web", "sleep", "4321") as command:
        eventually(lambda: _inside(cluster, "4321"), lambda found: len(found) == 1, 20)

        cluster.kill("w1")

        assert command.wait(10) == 1
        assert "the connection with its worker broke off" in command.complaints()
    cluster.start_worker("w1")
    eventually(cluster.nodes_ready, lambda ready: ready == ["w1"], 15)


def test_files_go_in_and_come_out_as_with_docker(shared: Cluster, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "file").write_bytes(os.urandom(3_000_000))
    (tree / "link").symlink_to("sub/file")

    for given, target in ((tree, "web.1:/tmp"), (f"{tree}/.", "web.1:/tmp/fresh")):
        done = shared.cube("cp", str(given), target)
        assert done.returncode == 0, done.stderr
    out = shared.cube("cp", "web.1:/tmp/tree", str(tmp_path / "back"))

    assert out.returncode == 0, out.stderr
    listed = shared.cube("exec", "web.1", "ls", "/tmp/fresh").stdout.split()
    assert listed == ["link", "sub"]
    back = tmp_path / "back"
    assert (back / "sub" / "file").read_bytes() == (tree / "sub" / "file").read_bytes()
    assert (back / "link").readlink() == Path("sub/file")


def test_a_copy_into_one_of_several_asks_which(shared: Cluster, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")

    done = shared.cube("cp", str(tmp_path / "f"), "web:/tmp")

    assert done.returncode == 6
    assert "web.1, web.2" in done.stderr


def test_a_copy_that_would_lead_out_leaves_that_out(shared: Cluster, tmp_path: Path) -> None:
    trap = "mkdir -p /tmp/trap && ln -sf /etc/passwd /tmp/trap/away && echo kept > /tmp/trap/kept"
    assert shared.cube("exec", "web.1", "sh", "-c", trap).returncode == 0

    done = shared.cube("cp", "web.1:/tmp/trap", str(tmp_path))

    assert done.returncode == 1
    assert "left out trap/away" in done.stderr
    assert sorted(path.name for path in (tmp_path / "trap").iterdir()) == ["kept"]
