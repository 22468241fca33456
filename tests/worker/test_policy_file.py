"""A worker's policy file: who may have written it, what it may say, and which line is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cube.model.policy import CLOSED, HostPolicy, MountRight, Policy
from cube.worker.policy_file import BadPolicy, load, parse

WHOLE = """
privileged = true
host_network = true
devices = ["/dev/fuse"]
capabilities = ["NET_ADMIN"]
images = ["docker.io/library/*", "r.example.com:5000/team/web"]
no_new_privileges = false

[mounts]
data = "/srv/data"
logs = { path = "/var/log/app", read_only = true }

[limits]
pids_most = 100
memory_default = "128m"
memory_most = "1g"
log_size = "1m"
log_files = 2
"""


def test_a_file_says_what_is_allowed() -> None:
    assert parse(WHOLE) == HostPolicy(
        allows=Policy(
            privileged=True,
            host_network=True,
            devices=("/dev/fuse",),
            capabilities=("NET_ADMIN",),
            mounts=(MountRight("data"), MountRight("logs", read_only=True)),
            images=("docker.io/library/*", "r.example.com:5000/team/web"),
            pids_most=100,
            memory_most=1 << 30,
        ),
        sources={"data": "/srv/data", "logs": "/var/log/app"},
        no_new_privileges=False,
        memory_default=128 << 20,
        log_bytes=1 << 20,
        log_files=2,
    )


def test_an_empty_file_allows_nothing() -> None:
    assert parse("") == CLOSED


def test_what_has_no_memory_limit_gets_the_most() -> None:
    assert parse('[limits]\nmemory_most = "1g"').memory_default == 1 << 30


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\nprivileged = yes", 2),
        ("privileged = 1", 1),
        ("\n\nprivilegd = true", 3),
        ('devices = ["/etc/passwd"]', 1),
        ('devices = "/dev/fuse"', 1),
        ('capabilities = ["ALL"]', 1),
        ('capabilities = ["cap_net_admin"]', 1),
        ('images = ["nginx"]', 1),
        ('images = ["r.example.com*"]', 1),
        ('images = ["*/nginx"]', 1),
        ('[mounts]\ndata = "/"', 2),
        ('[mounts]\ndata = "srv"', 2),
        ('[mounts]\ndata = "/srv/../etc"', 2),
        ('[mounts]\ndata = "/proc/1"', 2),
        ('[mounts]\n\n"../x" = "/srv"', 3),
        ('[mounts]\ndata = {path = "/srv", mode = 1}', 2),
        ("[limits]\npids_most = -1", 2),
        ("[limits]\nmemory_most = true", 2),
        ("mounts = 3", 1),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int) -> None:
    with pytest.raises(BadPolicy, match=f"^line {line}: "):
        parse(text)


def test_a_file_of_root_is_read(tmp_path: Path) -> None:
    file = tmp_path / "worker.toml"
    file.write_text("privileged = true")
    file.chmod(0o644)
    assert load(file).allows.privileged


def test_no_file_is_a_closed_policy_unless_one_was_named(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match="there is no policy file"):
        load(tmp_path / "worker.toml")


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "worker.toml"
    file.write_text("")
    file.chmod(mode)
    with pytest.raises(BadPolicy, match="others may write"):
        load(file)


def test_a_folder_that_others_may_write_is_as_bad(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    file = folder / "worker.toml"
    file.write_text("")
    file.chmod(0o600)
    folder.chmod(0o777)
    with pytest.raises(BadPolicy, match="others may write"):
        load(file)


def test_a_link_is_as_good_as_what_it_leads_to(tmp_path: Path) -> None:
    file, link = tmp_path / "worker.toml", tmp_path / "link.toml"
    file.write_text("")
    file.chmod(0o666)
    link.symlink_to(file)
    with pytest.raises(BadPolicy, match="others may write"):
        load(link)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "worker.toml"
    file.write_text("")
    file.chmod(0o600)
    os.chown(file, 65534, 65534)
    with pytest.raises(BadPolicy, match="belongs to user 65534"):
        load(file)
