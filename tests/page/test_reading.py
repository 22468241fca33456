"""The page for everybody: by keyboard, by screen reader, on a telephone, and with whatever names and logs hold."""

from __future__ import annotations

import asyncio
import json

import pytest

from cube.model.allocation import Failure, FailureKind, Phase
from cube.wire.messages import OpenStream
from cube.wire.views import LogRecord
from tests.manager.conftest import Api
from tests.page.chromium import DEADLINE, Chromium, Tab
from tests.page.conftest import LIVE

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

HOSTILE = (
    "<img src=x onerror=window.owned=1>\"'><script>window.owned=2</script><svg/onload=owned=3>"
)
FOCUS = "document.activeElement.innerText"
NAMED = "button, a, input, select, [role=log], table th, dialog, section"
NAMELESS = (
    f"[...document.querySelectorAll('{NAMED}')]"
    + """.filter((one) => {
    const by = one.getAttribute('aria-labelledby');
    const name = one.getAttribute('aria-label') ?? (by ? document.getElementById(by)?.innerText : null)
        ?? (one.labels?.length ? one.labels[0].innerText : one.tagName === 'SECTION' ? '' : one.innerText);
    return one.checkVisibility() && !name.trim();
}).map((one) => one.outerHTML.slice(0, 200))"""
)
FAINT = """(() => {
    const context = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const channels = (color) => {
        context.clearRect(0, 0, 1, 1); context.fillStyle = color; context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
        .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
        .reduce((sum, one, index) => sum + one * [0.2126, 0.7152, 0.0722][index], 0);
    const ground = (one) => {
        for (; one; one = one.parentElement) {
            const found = channels(getComputedStyle(one).backgroundColor);
            if (found[3] === 255) return found;
        }
        return [255, 255, 255];
    };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const one = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !one.checkVisibility({visibilityProperty: true})) continue;
        if (one.closest('script, noscript, option, :disabled, .unseen')) continue;
        const [a, b] = [light(channels(getComputedStyle(one).color)), light(ground(one))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const words = walker.currentNode.data.trim();
        if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${one.tagName}.${one.className} ${words}`);
    }
    return faint;
})()"""


async def some_of_everything(api: Api) -> None:
    """Tasks that wait, one that was stopped, and what is told of them."""
    for name in ("api", "db", "web"):
        await api.submit(name=name, replicas=2)
    await api.submit(name="old")
    await api.ask("DELETE", "/task/old")


async def test_the_whole_page_goes_by_keyboard(api: Api, tab: Tab) -> None:
    await some_of_everything(api)
    await tab.until("document.querySelectorAll('#task-table tbody tr').length === 3")
    await tab.press("j")
    assert await tab.see(FOCUS) == "api"
    await tab.press("ArrowDown")
    await tab.press("j")
    await tab.press("k")
    assert await tab.see(FOCUS) == "db"
    await tab.press("Enter")
    title = "document.querySelector('#drawer-title')?.innerText"
    await tab.until(f"{title} === 'task db'")
    assert await tab.see("document.activeElement.id") == "drawer"
    await tab.press("]")
    await tab.until(
        "document.querySelector('#tab-timeline').getAttribute('aria-selected') === 'true'"
    )
    await tab.press("Escape")
    await tab.until("document.querySelector('#drawer').hidden")
    assert await tab.see(FOCUS) == "db"
    await tab.press("/")
    assert await tab.see("document.activeElement.id") == "filter"
    await tab.type("we")
    await tab.until("document.querySelectorAll('#task-table tbody tr').length === 1")
    await tab.press("j")  # a letter of the filter, and no command
    assert await tab.see("document.querySelector('#filter').value") == "wej"
    await tab.press("Escape")
    await tab.until("document.querySelectorAll('#task-table tbody tr').length === 3")
    await tab.see("document.activeElement.blur()")
    await tab.press("?")
    await tab.until("document.querySelector('dialog.help').open")
    await tab.press("Escape")
    await tab.until("!document.querySelector('dialog.help').open")


async def test_a_task_is_told_of_from_its_placement_to_its_last_line(api: Api, tab: Tab) -> None:
    await api.submit(name="web")
    async with api.worker("w1") as worker:
        await worker.welcome()
        order = (await worker.orders(1))[0]
        await worker.report(order.id, Phase.RUNNING, container_id="c1")
        await tab.see(
            "location.hash = 'open=task/' + document.querySelector('#task-table a').dataset.open.slice(5)"
        )
        await tab.until("document.querySelector('#panel')?.innerText.includes('cube logs -f web')")
        await tab.click("#tab-timeline")
        await tab.until(
            "/assigned[^]*waiting|running[^]*assigned/.test(document.querySelector('#panel').innerText)"
        )
        assert "+" in await tab.see("document.querySelector('.took').innerText")
        await tab.click("#tab-placement")
        await tab.until("document.querySelector('.placement').innerText.includes('w1')")
        await tab.click("#tab-logs")
        stream = await worker.expect(OpenStream)
        assert stream.follow
        lines = [LogRecord(name="web.1", node="w1", at_ns=1, text=f"\x1b[31m{HOSTILE}\x1b[0m\x07")]
        await carry(api, stream.stream_id, lines)
        await tab.until("document.querySelector('.line')?.innerText.includes('script')")
        line = await tab.see("document.querySelector('.line').innerText")
        assert line.endswith(f"web.1 {HOSTILE}\u2407")
        assert await tab.see("window.owned ?? null") is None


async def carry(api: Api, stream_id: str, records: list[LogRecord]) -> None:
    """Bring these lines as a worker does."""
    body = b"".join(
        json.dumps(
            {"name": one.name, "node": one.node, "at_ns": one.at_ns, "text": one.text}
        ).encode()
        + b"\n"
        for one in records
    )
    async with (
        asyncio.timeout(5),
        api.session.post(f"{api.base}/worker/stream/{stream_id}", data=body) as answer,
    ):
        assert answer.status == 204


async def test_nothing_that_the_cluster_says_is_run(browser: Chromium, api: Api) -> None:
    await api.submit(name="web", labels={"note": HOSTILE}, env={"X": HOSTILE}, command=[HOSTILE])
    async with api.worker("w1") as worker, browser.tab() as tab:
        await worker.welcome()
        order = (await worker.orders(1))[0]
        failure = Failure(FailureKind.IMAGE_MISSING, HOSTILE)
        await worker.report(order.id, Phase.PULLING, message=HOSTILE, failure=failure)
        await tab.open(f"{api.base}/#q=web&open={HOSTILE}&sort={HOSTILE}&states={HOSTILE}")
        await tab.until(LIVE)
        await tab.see("location.hash = ''")
        await tab.until("document.querySelector('#task-table').innerText.includes('owned=3')")
        await tab.see("document.querySelector('#task-table a.open').click()")
        for one in ("overview", "timeline", "placement"):
            await tab.click(f"#tab-{one}")
            await tab.until("document.querySelector('#panel').innerText.length > 20")
        assert (
            await tab.see(
                "document.querySelectorAll('main img, aside img, main script, aside script').length"
            )
            == 0
        )
        assert await tab.see("window.owned ?? null") is None
        assert tab.complaints == []  # not even the policy was needed


async def test_the_policy_refuses_what_would_get_past_the_page(api: Api, browser: Chromium) -> None:
    async with browser.tab() as tab:
        await tab.open(api.base)
        await tab.until(LIVE)
        await tab.see(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'owned = 1'}))"
        )
        await tab.see(
            "document.body.insertAdjacentHTML('beforeend', '<b style=\"color: red\" onclick=\"owned = 2\">x</b>')"
        )
        await tab.see("document.body.lastChild.click()")
        assert await tab.see("window.owned ?? null") is None
        async with asyncio.timeout(DEADLINE):
            while len(tab.complaints) < 2:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_everything_has_a_name_and_can_be_read(
    browser: Chromium, api: Api, dark: bool
) -> None:
    await some_of_everything(api)
    async with browser.tab(dark=dark) as tab:
        await tab.open(api.base)
        await tab.until(LIVE)
        task = await api.get("/task/web")
        views = [
            "",
            *(
                f"open=task/{task['id']}&tab={tab_name}"
                for tab_name in ("overview", "timeline", "placement", "logs")
            ),
        ]
        for view in views:
            await tab.see(f"location.hash = '{view}'")
            await tab.until(
                "document.querySelector('#panel')?.innerText.length > 10" if view else "true"
            )
            assert await tab.see(NAMELESS) == []
            assert await tab.see(FAINT) == []
        await tab.press("?")
        assert await tab.see(FAINT) == []
        assert await tab.see(
            "[...document.querySelectorAll('thead th')].every((one) => one.scope === 'col')"
        )
        assert (
            await tab.see("document.querySelector('#attention').getAttribute('aria-live')")
            == "polite"
        )
        landmarks = "['header', 'main', 'aside', 'footer', '[role=search]'].every((one) => document.querySelector(one))"
        assert await tab.see(landmarks)


async def test_it_can_be_used_on_a_narrow_window(browser: Chromium, api: Api) -> None:
    await some_of_everything(api)
    async with (
        api.worker("a-worker-with-quite-a-long-name") as worker,
        browser.tab(width=360, height=740) as tab,
    ):
        await worker.welcome()
        await tab.open(api.base)
        await tab.until(LIVE)
        wide = "document.documentElement.scrollWidth"
        assert await tab.see(wide) == 360
        await tab.click("#task-table a.open")
        await tab.until("document.querySelector('#panel')?.innerText.length > 10")
        assert await tab.see(wide) == 360
        await tab.click(".drawer-head button")
        await tab.until("document.querySelector('#drawer').hidden")
