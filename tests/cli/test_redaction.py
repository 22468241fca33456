"""What is taken out of a bundle before others read it."""

from __future__ import annotations

import pytest

from cube.cli.redaction import REDACTED, redacted, redacted_text


def test_values_of_variables_go_and_their_names_stay() -> None:
    spec = {"name": "web", "env": {"MODE": "hush", "KEY": "hush"}, "image": "x"}

    assert redacted({"spec": spec})["spec"] == {
        "name": "web",
        "env": {"MODE": REDACTED, "KEY": REDACTED},
        "image": "x",
    }


def test_what_a_key_calls_secret_goes_wherever_it_stands() -> None:
    found = redacted(
        {"contexts": {"prod": {"manager": "a:1", "token": "hush"}}, "CUBE_TOKEN": "hush"}
    )

    assert "hush" not in str(found)
    assert found["contexts"]["prod"]["manager"] == "a:1"


@pytest.mark.parametrize(
    "text",
    [
        "--password=hush",
        "DB_PASSWORD=hush",
        "token: hush",
        "Authorization: Bearer hush-hush",
        "pull from https://user:hush@registry/x failed",
        "api_key=hush,",
    ],
)
def test_secrets_in_text_go(text: str) -> None:
    assert "hush" not in redacted_text(text)
    assert REDACTED in redacted_text(text)


def test_the_word_behind_a_flag_goes() -> None:
    assert redacted(["db", "--password", "hush", "--port", "1"]) == [
        "db", "--password", REDACTED, "--port", "1"
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["no node fits: 2 lack memory", 7, None, True, "web.2 on w1", ""])
def test_what_is_no_secret_stays(value: object) -> None:
    assert redacted(value) == value
