"""One lab for all tests of this folder, in its first state and without tasks before each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.lab import Lab
from tests.lab.stories import remove_all


@pytest.fixture(scope="session")
def lab_of_the_run() -> Iterator[Lab]:
    """A lab of three hosts, made when the first test asks for it."""
    lab = Lab.up(f"t{os.getpid()}", 3, owned=True)
    try:
        yield lab
    finally:
        lab.down()


@pytest.fixture
def lab(lab_of_the_run: Lab) -> Iterator[Lab]:
    """The lab; whatever a test did to it is undone, and its tasks are gone."""
    yield lab_of_the_run
    lab_of_the_run.restore()
    remove_all(lab_of_the_run)
