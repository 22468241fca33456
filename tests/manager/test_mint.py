"""New ids."""

from __future__ import annotations

from uuid import UUID

from cube.manager.mint import Mint


def test_ids_are_random_uuids_and_never_given_twice() -> None:
    mint = Mint()
    ids = {mint() for _ in range(10_000)}
    assert len(ids) == 10_000
    assert all(UUID(id).version == 4 and str(UUID(id)) == id for id in ids)
    assert {UUID(id).variant for id in ids} == {"specified in RFC 4122"}
