from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.errors import InvalidInput
from cube.security.join import base32, hash_secret, mint_secret, read_token

PIN = base32(bytes(32))
GOOD = f"cubej1-{PIN}-0123abcd-{base32(bytes(16))}"


def test_a_token_reads_back_and_shows_its_secret_in_nothing_but_its_text() -> None:
    token = mint_secret(PIN)
    assert read_token(f" {token.text()}\n") == token
    assert token.text().startswith(f"cubej1-{PIN}-")
    assert token.secret not in repr(token)
    assert len(token.secret) * 5 >= 128
    assert mint_secret(PIN).secret != token.secret


def test_the_form_of_a_token_is_fixed() -> None:
    assert read_token(GOOD).text() == GOOD


def test_only_the_hash_of_the_whole_secret_is_kept() -> None:
    assert hash_secret("a") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


@pytest.mark.parametrize(
    "text",
    ["", "cubej1", "cubej1-x-y-z", GOOD[:-1], GOOD.upper(),
     GOOD + "a", GOOD.replace("cubej1", "cubej2")],
)  # fmt: skip
def test_what_is_no_token_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidInput, match="no join token") as refused:
        read_token(text)
    assert len(text) < 10 or text not in str(refused.value)


@given(st.text(max_size=200))
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_token(text)
