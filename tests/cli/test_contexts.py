"""The file of contexts: what survives, who may read it, what does not read."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from cube.cli.contexts import Contexts
from cube.errors import Conflict, InvalidInput, NotFound


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cube" / "config.toml"


def test_what_was_added_is_there_for_its_owner_only(path: Path) -> None:
    contexts = Contexts(path)
    contexts.add("prod", "10.0.0.1:5555")
    contexts.use("prod")
    contexts.save()

    again = Contexts(path)
    assert (again.names(), again.current({})) == (["default", "prod"], "prod")
    assert again.get("prod") == {"manager": "10.0.0.1:5555"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_keys_that_are_not_known_survive_a_change(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(
        'colour = "never"\n[context.prod]\nmanager = "a:1"\ntoken = "t"\nca_hash = "h"\nlist = [1]\n'
    )
    contexts = Contexts(path)
    contexts.add("prod", "b:2", replace=True)
    contexts.save()

    assert tomllib.loads(path.read_text()) == {
        "colour": "never",
        "context": {"prod": {"manager": "b:2", "token": "t", "ca_hash": "h", "list": [1]}},
    }


def test_one_that_is_there_is_not_overwritten_unless_told(path: Path) -> None:
    contexts = Contexts(path)
    contexts.add("prod", "a:1")

    with pytest.raises(Conflict) as caught:
        contexts.add("prod", "b:2")
    assert "--replace" in caught.value.hint
    assert contexts.get("prod")["manager"] == "a:1"


def test_the_one_that_is_removed_is_current_no_more(path: Path) -> None:
    contexts = Contexts(path)
    contexts.add("prod", "a:1")
    contexts.use("prod")
    contexts.remove("prod")

    assert (contexts.names(), contexts.current({})) == (["default"], "default")
    with pytest.raises(NotFound):
        contexts.remove("prod")
    with pytest.raises(Conflict):
        contexts.remove("default")


def test_the_environment_outweighs_the_file(path: Path) -> None:
    assert Contexts(path).current({"CUBE_CONTEXT": "test"}) == "test"


def test_one_that_is_not_there_is_told_with_those_that_are(path: Path) -> None:
    contexts = Contexts(path)
    contexts.add("prod", "a:1")

    with pytest.raises(NotFound) as caught:
        contexts.use("prd")
    assert "default, prod" in caught.value.hint


@pytest.mark.parametrize("name", ["", "Prod", "a b", "../x", "-x", "x" * 64])
def test_a_name_is_checked(path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        Contexts(path).add(name, "a:1")


@pytest.mark.parametrize("text", ["context = 1\n", "[context]\nprod = 3\n", "manager = \n", "\x00"])
def test_a_file_that_does_not_read_is_named(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)

    with pytest.raises(InvalidInput, match=r"config\.toml"):
        Contexts(path).names()


def test_a_write_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts = Contexts(path)
    contexts.add("prod", "a:1")
    contexts.save()
    before = path.read_bytes()

    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", broken)
    contexts.add("other", "b:2")
    with pytest.raises(OSError, match="disk full"):
        contexts.save()

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
