"""Which role may do what asks for which."""

from __future__ import annotations

import pytest

from cube.model.role import HUMAN, Role, may

ALLOWED = {
    Role.VIEWER: {Role.VIEWER},
    Role.OPERATOR: {Role.VIEWER, Role.OPERATOR},
    Role.SHELL: {Role.VIEWER, Role.SHELL},
    Role.ADMIN: {Role.VIEWER, Role.OPERATOR, Role.SHELL, Role.ADMIN},
    Role.WORKER: {Role.WORKER},
}


@pytest.mark.parametrize("held", Role)
@pytest.mark.parametrize("wanted", Role)
def test_a_role_may_do_what_the_table_says_and_nothing_else(held: Role, wanted: Role) -> None:
    assert may(frozenset({held}), wanted) is (wanted in ALLOWED[held])


def test_who_has_no_role_may_do_nothing() -> None:
    assert not any(may(frozenset(), wanted) for wanted in Role)


def test_rights_of_two_roles_add_up() -> None:
    both = frozenset({Role.OPERATOR, Role.SHELL})

    assert may(both, Role.OPERATOR)
    assert may(both, Role.SHELL)
    assert not may(both, Role.ADMIN)


def test_a_token_never_carries_the_role_of_a_worker() -> None:
    assert set(Role) - HUMAN == {Role.WORKER}
