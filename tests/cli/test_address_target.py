"""Which manager a command speaks to."""

from __future__ import annotations

from pathlib import Path

import pytest

from cube.cli.address import kept_ca, located, parse_address, resolve
from cube.errors import InvalidInput


def context(home: Path, text: str) -> dict[str, str]:
    path = home / "cube" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return {"XDG_CONFIG_HOME": str(home)}


def test_the_nearer_setting_wins(tmp_path: Path) -> None:
    environ = context(tmp_path, 'manager = "context:1"\ntoken = "t"\n')

    assert str(resolve("", environ)) == "context:1"
    environ |= {"CUBE_MANAGER_HOST": "parts", "CUBE_MANAGER_PORT": "2"}
    assert str(resolve("", environ)) == "parts:2"
    environ |= {"CUBE_MANAGER": "variable:3"}
    assert str(resolve("", environ)) == "variable:3"
    assert str(resolve("flag:4", environ)) == "flag:4"


def test_who_said_it_is_told_by_name(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "CUBE_MANAGER_PORT": "2"}

    assert located("", environ)[1] == "CUBE_MANAGER_PORT"
    environ |= {"CUBE_MANAGER_HOST": "h"}
    assert located("", environ)[1] == "CUBE_MANAGER_HOST and CUBE_MANAGER_PORT"
    assert located("", environ | {"CUBE_MANAGER_PORT": ""})[1] == "CUBE_MANAGER_HOST"
    with pytest.raises(InvalidInput, match="^CUBE_MANAGER_HOST and CUBE_MANAGER_PORT: "):
        located("", environ | {"CUBE_MANAGER_PORT": "many"})


def test_without_a_setting_it_is_this_machine(tmp_path: Path) -> None:
    assert str(resolve("", {"XDG_CONFIG_HOME": str(tmp_path)})) == "127.0.0.1:5555"


def test_the_token_comes_from_the_environment_or_the_context(tmp_path: Path) -> None:
    environ = context(tmp_path, 'token = "of the context"\n')

    assert resolve("", environ).token == "of the context"
    assert resolve("", environ | {"CUBE_TOKEN": "mine"}).token == "mine"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1:5555", ("10.0.0.1", 5555)),
        ("host", ("host", 5555)),
        (":6000", ("127.0.0.1", 6000)),
        ("http://host:1/", ("host", 1)),
        ("[::1]:5556", ("::1", 5556)),
        ("::1", ("::1", 5555)),
    ],
)
def test_addresses_in_every_way_people_write_them(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text, "--manager") == address


@pytest.mark.parametrize("text", ["host:http", "host:0", "host:70000", "host:-1", "host:\u0663"])
def test_a_port_that_is_none_is_refused_by_the_name_of_its_setting(text: str) -> None:
    with pytest.raises(InvalidInput, match="CUBE_MANAGER: .* is no address"):
        resolve("", {"CUBE_MANAGER": text})


def test_a_context_that_does_not_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"config\.toml"):
        resolve("", context(tmp_path, "manager = \n"))


def test_tls_takes_the_root_from_the_context_the_variable_and_files(tmp_path: Path) -> None:
    file = tmp_path / "root.pem"
    file.write_text("-----BEGIN CERTIFICATE-----")
    environ = context(tmp_path, 'manager = "https://10.0.0.1:5555"\nca = "pin"\n')
    found = resolve("", environ)
    assert (found.tls, found.ca, str(found)) == (True, "pin", "10.0.0.1:5555")
    assert resolve("", environ | {"CUBE_CA": str(file)}).ca == file.read_text()
    variable = resolve("", environ | {"CUBE_MANAGER": "https://m", "CUBE_CA": "other"})
    assert (variable.tls, variable.ca) == (True, "other")
    assert resolve("", environ | {"CUBE_MANAGER": "http://m", "CUBE_CA": "other"}).ca == ""
    with pytest.raises(InvalidInput, match="CUBE_CA"):
        resolve("", environ | {"CUBE_CA": "/nowhere/root.pem"})


def test_a_root_is_kept_by_its_whole_path_or_as_the_pin_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root.pem").touch()
    monkeypatch.chdir(tmp_path)
    assert kept_ca("root.pem") == str(tmp_path / "root.pem")
    assert (kept_ca("abcdef234567"), kept_ca("")) == ("abcdef234567", "")
