"""What the page lets one do: asked about first, told of afterwards, and with a token where one is asked for."""

from __future__ import annotations

import pytest

from tests.manager.conftest import Api
from tests.page.chromium import Chromium, Tab
from tests.page.conftest import LIVE
from tests.page.front import front_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

BUTTON = "[...document.querySelectorAll('#drawer .buttons button')].find((one) => one.innerText === '{}')"
GO = "dialog[open] button[type=submit]"


async def open_one(tab: Tab, name: str, button: str) -> None:
    """Open a task or node by its name, and press one of its buttons."""
    link = f"[...document.querySelectorAll('a.open')].find((one) => one.innerText === '{name}')"
    await tab.until(f"{link} && ({link}.click(), true)")
    press = BUTTON.format(button)
    await tab.until(f"{press} && ({press}.click(), true)")


async def test_a_task_is_stopped_only_when_its_name_was_typed(api: Api, tab: Tab) -> None:
    await api.submit(name="web")
    await open_one(tab, "web", "Stop")
    assert await tab.see("document.activeElement.id") == "confirm-field"
    assert "cube stop web" in await tab.see("document.querySelector('dialog[open]').innerText")
    await tab.type("wob")
    assert await tab.see(f"document.querySelector('{GO}').disabled")
    await tab.press("Enter")
    assert (await api.get("/task/web"))["goal"] == "run"
    await tab.see("document.activeElement.select()")
    await tab.type("web")
    await tab.press("Enter")
    await tab.until("document.querySelector('#toast.shown')?.innerText === 'web is being stopped'")
    assert (await api.get("/task/web"))["goal"] == "stop"
    assert await tab.see("document.querySelector('dialog[open]')") is None


async def test_a_dialog_that_is_left_changes_nothing(api: Api, tab: Tab) -> None:
    await api.submit(name="web")
    await open_one(tab, "web", "Restart")
    await tab.press("Escape")
    await tab.until("!document.querySelector('dialog[open]')")
    assert await tab.see("document.querySelector('#drawer').hidden") is False
    changes = [one for one in tab.requests if one["method"] != "GET"]
    assert changes == []


async def test_a_task_is_scaled_and_restarted(api: Api, tab: Tab) -> None:
    await api.submit(name="web")
    await open_one(tab, "web", "Scale")
    await tab.type("3")
    await tab.click(GO)
    await tab.until("document.querySelector('#toast.shown')?.innerText.includes('scaled to 3')")
    assert (await api.get("/task/web"))["replicas"] == 3
    await open_one(tab, "web", "Restart")
    await tab.click(GO)
    await tab.until("document.querySelector('#toast.shown')?.innerText.includes('restarted')")
    keys = [
        one["headers"].get("Idempotency-Key") for one in tab.requests if one["method"] == "POST"
    ]
    assert len(set(keys)) == 2
    assert all(keys)


async def test_a_refusal_is_told_in_the_managers_words(api: Api, tab: Tab) -> None:
    await api.submit(name="web", ports=["8080:80"])
    await open_one(tab, "web", "Scale")
    await api.ask("DELETE", "/task/web")
    await tab.until("document.querySelector('#drawer .state').innerText.includes('stopped')")
    await tab.type("2")
    await tab.click(GO)
    words = await tab.until("document.querySelector('dialog[open] .problem').innerText")
    status, problem, _ = await api.ask("POST", "/task/web/scale", json={"replicas": 2})
    assert status >= 400
    assert problem["detail"] in words
    assert await tab.see(f"document.querySelector('{GO}').disabled") is False  # to be tried again


async def test_nodes_are_cordoned_drained_and_taken_back(api: Api, tab: Tab) -> None:
    async with api.worker("w1") as worker:
        await worker.welcome()
        for button, availability in (
            ("Cordon", "cordoned"),
            ("Drain", "draining"),
            ("Uncordon", "active"),
        ):
            await open_one(tab, "w1", button)
            await tab.click(GO)
            await tab.until(
                "document.querySelector('#toast.shown') && !document.querySelector('dialog[open]')"
            )
            assert (await api.get("/node/w1"))["availability"] == availability
            shown = "ready" if availability == "active" else availability
            await tab.until(
                f"document.querySelector('#nodes tbody .state').innerText.includes('{shown}')"
            )


async def test_a_manager_that_wants_a_token_is_shown_one_and_no_storage_has_it(
    browser: Chromium, api: Api
) -> None:
    await api.submit(name="web")
    async with front_of(api.base) as front, browser.tab() as tab:
        front.token = "s3cret"
        await tab.open(front.base)
        words = await tab.until("document.querySelector('dialog[open]')?.innerText")
        assert "this needs a token with the role viewer" in words
        await tab.type("wrong")
        await tab.press("Enter")
        await tab.until("document.querySelector('dialog[open] input')?.value === ''")
        await tab.type("s3cret")
        await tab.press("Enter")
        await tab.until(LIVE)
        await open_one(tab, "web", "Restart")
        await tab.click(GO)
        await tab.until("document.querySelector('#toast.shown') !== null")
        method, path, headers = front.asked[-1]
        assert (method, path.rsplit("/", 1)[-1]) == ("POST", "restart")
        assert headers["Authorization"] == "Bearer s3cret"
        stored = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
        assert "s3cret" not in await tab.see(stored)
        assert tab.complaints == []
