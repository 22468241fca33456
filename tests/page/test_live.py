"""The page in a browser: it shows what is, at once; says so when it cannot know; and touches only what changed."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cube.model.allocation import Health, Phase
from tests.manager.conftest import Api
from tests.page.chromium import Chromium, Tab
from tests.page.conftest import LIVE
from tests.page.front import front_of
from tests.scenarios.processes import Cluster

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

STALE = "document.querySelector('#connection.stale') && document.body.classList.contains('stale')"
STALE_SECONDS = 3.0


def rows(column: int = 0) -> str:
    """What a column of the table of tasks shows, from the top."""
    return f"[...document.querySelectorAll('#task-table tbody tr')].map((row) => row.cells[{column}].innerText)"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Cluster]:
    """A manager as a process of its own, to be killed."""
    one = Cluster(tmp_path)
    one.start_manager()
    yield one
    one.client.__exit__()
    for process in one.processes.values():
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(15)


@asynccontextmanager
async def looking(browser: Chromium, manager: Cluster) -> AsyncIterator[Tab]:
    async with browser.tab() as tab:
        await tab.open(f"http://127.0.0.1:{manager.port}")
        await tab.until(LIVE)
        yield tab


async def test_what_changes_is_seen_without_loading_the_page_anew(api: Api, tab: Tab) -> None:
    await tab.see("window.sameLoad = true")
    async with api.worker("w1") as worker:
        await worker.welcome()
        await api.submit(name="web")
        await tab.until(f"{rows()}.join() === 'web'")
        order = (await worker.orders(1))[0]
        await worker.report(order.id, Phase.RUNNING, container_id="c1", health=Health.NONE)
        await tab.until(f"{rows(1)}.join().endsWith('running')")
        await tab.until("document.querySelector('#nodes tbody').innerText.includes('w1')")
        await tab.until("document.querySelector('#events').innerText.includes('web.1 on w1')")
    assert await tab.see("window.sameLoad")


async def test_attention_shows_only_what_is_wrong_and_nothing_when_nothing_is(
    api: Api, tab: Tab
) -> None:
    assert await tab.see("document.querySelector('#attention').checkVisibility()") is False
    await api.submit(name="web")
    await tab.until("document.querySelector('#concerns').innerText.includes('no workers')")
    assert await tab.see("document.title") == "✗ 1 – cube"
    await api.ask("DELETE", "/task/web")
    await tab.until("!document.querySelector('#attention').checkVisibility()")
    assert await tab.see("document.title") == "cube"


async def test_only_the_row_that_changed_is_touched(api: Api, tab: Tab) -> None:
    for number in range(1, 6):
        await api.submit(name=f"t{number}")
    await tab.until(f"{rows()}.length === 5")
    await tab.see(
        """window.touched = new Set(); new MutationObserver((all) => all.forEach((one) => {
            const at = one.target.nodeType === 1 ? one.target : one.target.parentElement;
            touched.add(at.closest('tr')?.cells[0].innerText ?? 'the table');
        })).observe(document.querySelector('#task-table tbody'),
            {subtree: true, childList: true, characterData: true, attributes: true}); true"""
    )
    await api.ask("POST", "/task/t3/scale", json={"replicas": 2})
    await tab.until(f"{rows(2)}[2] === '0/2'")
    assert await tab.see("[...touched]") == ["t3"]


async def test_the_focus_stays_where_it_is_when_rows_come_and_move(api: Api, tab: Tab) -> None:
    await api.submit(name="m")
    await tab.until(f"{rows()}.length === 1")
    await tab.see("document.querySelector('#task-table a.open').focus()")
    for name in ("a", "z"):
        await api.submit(name=name)
    await tab.until(f"{rows()}.join() === 'a,m,z'")
    await tab.click("#task-table th[data-sort=name] button")
    await tab.see("document.querySelectorAll('#task-table a.open')[1].focus()")
    await api.submit(name="b")
    await tab.until(f"{rows()}.length === 4")
    assert await tab.see("document.activeElement.innerText") == "m"


async def test_a_page_that_lost_its_manager_says_so_and_goes_on_by_itself(
    browser: Chromium, manager: Cluster
) -> None:
    manager.client.submit({"name": "web", "image": "busybox"})
    async with looking(browser, manager) as tab:
        await tab.until(f"{rows()}.join() === 'web'")
        manager.kill("manager")
        await tab.until(STALE, STALE_SECONDS)
        words = await tab.see("document.querySelector('#connection').innerText")
        assert words.startswith("stale since ")
        assert await tab.see(f"{rows()}.join()") == "web"  # what was known stays to be read
        manager.start_manager()
        await tab.until(LIVE, 15)
        manager.client.submit({"name": "again", "image": "busybox"})
        await tab.until(f"{rows()}.join() === 'again,web'")


async def test_a_manager_that_stands_still_is_noticed_though_its_connection_stays(
    browser: Chromium, manager: Cluster
) -> None:
    async with looking(browser, manager) as tab:
        pid = manager.processes["manager"].pid
        os.kill(pid, signal.SIGSTOP)
        await tab.until(STALE, STALE_SECONDS)
        os.kill(pid, signal.SIGCONT)
        await tab.until(LIVE, 15)


async def test_a_connection_that_was_cut_goes_on_where_it_was(browser: Chromium, api: Api) -> None:
    await api.submit(name="web")
    async with front_of(api.base) as front, browser.tab() as tab:
        await tab.open(front.base)
        await tab.until(f"{rows()}.join() === 'web'")
        front.cut()
        await api.submit(name="meanwhile")
        await tab.until(f"{rows()}.join() === 'meanwhile,web'")
        assert await tab.see("!document.querySelector('#connection.stale')")
        first, second = [headers for _, path, headers in front.asked if path == "/watch"]
        assert "Last-Event-ID" not in first
        assert "Last-Event-ID" in second


async def test_filter_and_order_are_in_the_address_and_come_back_with_it(
    api: Api, tab: Tab
) -> None:
    for name in ("shop-web", "shop-db", "mail"):
        await api.submit(name=name)
    await tab.until(f"{rows()}.length === 3")
    await tab.click("#filter")
    await tab.type("shop -db")
    await tab.until(f"{rows()}.join() === 'shop-web'")
    await tab.reload()
    await tab.until(LIVE)
    await tab.until(f"{rows()}.join() === 'shop-web'")
    assert await tab.see("document.querySelector('#filter').value") == "shop -db"
    await tab.see("location.hash = 'sort=-name&states=pending'")
    await tab.until(f"{rows()}.join() === 'shop-web,shop-db,mail'")
    chip = "document.querySelector('.chip:not([hidden])').getAttribute('aria-pressed')"
    assert await tab.see(chip) == "true"


async def test_without_scripts_the_same_tables_are_there(browser: Chromium, api: Api) -> None:
    await api.submit(name="web")
    async with api.worker("w1") as worker, browser.tab(scripts=False) as tab:
        await worker.welcome()
        await tab.open(api.base)
        # The protocol reads the page without running anything in it.
        tree = await tab.send("DOMSnapshot.captureSnapshot", computedStyles=["visibility"])
        shown = {one.strip() for one in tree["strings"]}
        assert {"web", "w1", "scheduled", "0 of 4 cores"} <= shown
        assert any(one.startswith("as of ") for one in shown)
        assert any(one.startswith("Scripts are off") for one in shown)
        assert "connecting" not in shown
        assert tab.complaints == []


async def test_light_and_dark_are_chosen_and_kept(api: Api, tab: Tab) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await tab.see(ground)
    await tab.click("#theme")
    await tab.click("#theme")
    dark = await tab.see(ground)
    assert light != dark
    await tab.reload()
    await tab.until(LIVE)
    assert await tab.see(ground) == dark
    assert await tab.see("document.querySelector('#theme').innerText") == "Theme: dark"


async def test_a_page_of_which_a_part_did_not_come_is_loaded_again(
    api: Api, browser: Chromium
) -> None:
    async with front_of(api.base) as front, browser.tab() as tab:
        await tab.open(f"{front.base}/page/loading.js")
        await tab.see("sessionStorage.setItem('cube.loading', 3)")  # so it waits for half a minute
        front.failing = {"/page/store.js": 2}
        await tab.open(front.base)
        words = "a part of this page did not come; loading it again"
        await tab.until(f"document.querySelector('#connection').innerText === '{words}'")
        await tab.see("sessionStorage.clear()")
        await tab.reload()  # in vain; then it loads again by itself
        await tab.until(LIVE)
        assert await tab.see("sessionStorage.getItem('cube.loading')") is None
