"""A browser, and a manager for it to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from cube.settings import ManagerSettings
from tests.manager.conftest import Api, running
from tests.page.chromium import Chromium, Tab, chromium

LIVE = "document.querySelector('#connection.live') && !document.querySelector('#tiles').hidden"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    """One browser for all tests of a file; each has windows with nothing stored."""
    async with chromium() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A manager of the test's own."""
    async with running(ManagerSettings(port=0, data=tmp_path / "manager")) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: Chromium, api: Api) -> AsyncIterator[Tab]:
    """A window with the live page of that manager. The browser must have had nothing to complain of."""
    async with browser.tab() as one:
        await one.open(api.base)
        await one.until(LIVE)
        yield one
        assert one.complaints == []
