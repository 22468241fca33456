"""Nodes, and who answers."""

from __future__ import annotations

from cube.wire.views import VersionView
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json
from tests.cli.views import node


def test_a_node_is_set_aside_by_name(manager: FakeManager, cube: Cube) -> None:
    for verb in ("cordon", "uncordon"):
        manager.answer("POST", f"/node/w1/{verb}", json(node()))

        assert cube("node", verb, "w1") == (0, "w1\n", "")


def test_node_alone_lists_nodes(manager: FakeManager, cube: Cube) -> None:
    manager.nodes = [node("w2"), node("w1")]

    assert cube("node").out == cube("node", "ls").out
    assert cube("node", "-q").out.split() == ["n-w2", "n-w1"]


def test_a_cluster_without_nodes_says_how_to_get_one(cube: Cube) -> None:
    assert cube("node").err == (
        "hint: no node has joined yet; start one with `cube worker start`\n"
    )


def test_version_compares_both_sides(manager: FakeManager, cube: Cube) -> None:
    answered = VersionView(version="0.0.9", protocol=1, cluster_id="c-1")
    manager.answer("GET", "/version", json(answered))

    result = cube("version")

    assert result.out == f"client   0.1.0\nmanager  0.0.9 at {manager.address}, cluster c-1\n"
    assert result.err == "note: the manager is 0.0.9, this command 0.1.0\n"
