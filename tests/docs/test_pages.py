"""Every command that a page for people shows is run, and prints what the page shows of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.page import read_page
from tests.docs.stage import staged
from tests.house.checkout import PAGES, ROOT, name_of

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_what_the_page_shows_is_what_happens(path: Path, tmp_path: Path) -> None:
    page = read_page(path.read_text())
    # The README speaks of a checkout, the other pages of any directory.
    where = ROOT if path.parent == ROOT else None

    with staged(page, where, tmp_path) as stage:
        for block in page.blocks:
            if not block.not_run:
                stage.play(block)
