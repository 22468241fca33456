"""Secrets as values: which version an allocation has, and that no repr shows one."""

from __future__ import annotations

from cube.model.secret import GivenSecrets, SealedSecret, SecretValue, pinned


def a_version(version: int, revision: int) -> SealedSecret:
    return SealedSecret("db", version, revision, 0, b"sealed")


def test_an_allocation_has_the_newest_version_of_its_time() -> None:
    versions = [a_version(1, 5), a_version(2, 9)]
    assert pinned(versions, 5) == versions[0]
    assert pinned(versions, 8) == versions[0]
    assert pinned(versions, 9) == versions[1]


def test_where_there_was_none_yet_it_has_the_first_that_came() -> None:
    assert pinned([a_version(1, 5), a_version(2, 9)], 3) == a_version(1, 5)
    assert pinned([], 3) is None


def test_no_repr_shows_a_value() -> None:
    shown = (
        f"{SecretValue('db', 1, b'CANARY')} {SealedSecret('db', 1, 1, 0, b'CANARY')} "
        f"{GivenSecrets('/x', {'A': 'CANARY'})}"
    )
    assert "CANARY" not in shown
