"""`/` and its files as a browser gets them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cube.manager.api import page as module
from cube.manager.page.assets import assets
from tests.manager.conftest import Api, until


async def body(api: Api, path: str = "/", **headers: str) -> tuple[str, Mapping[str, str]]:
    async with api.session.get(api.base + path, headers=headers) as answer:
        assert answer.status == 200
        return await answer.text(), answer.headers


async def test_the_page_shows_the_cluster_without_a_script(api: Api) -> None:
    await api.submit(name="web", replicas=2)
    async with api.worker("w1") as worker:
        await worker.welcome()
        text, headers = await body(api)
    assert ">web</a>" in text
    assert ">w1</a>" in text
    assert 'http-equiv="refresh"' in text
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"


async def test_who_may_not_see_the_cluster_gets_the_page_without_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.submit(name="secret-project")
    monkeypatch.setattr(module, "_sees", lambda: False)
    text, _ = await body(api)
    assert "secret-project" not in text
    assert "revision 1" not in text
    assert "http-equiv" not in text
    assert '<script src="/page/app.js" type="module">' in text


@pytest.mark.parametrize("path", ["/", *(f"/page/{name}" for name in sorted(assets()))])
async def test_nothing_but_its_own_files_is_let_in(api: Api, path: str) -> None:
    _, headers = await body(api, path)
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_browser_that_has_a_file_is_not_sent_it_again(api: Api) -> None:
    _, headers = await body(api, "/page/app.js")
    assert headers["Cache-Control"] == "no-cache"
    again = {"If-None-Match": headers["ETag"]}
    async with api.session.get(api.base + "/page/app.js", headers=again) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
        assert answer.headers["ETag"] == headers["ETag"]


@pytest.mark.parametrize("name", ["nope.js", "page.html", "assets.py", "..%2F..%2Fapp.py"])
async def test_only_files_of_the_page_are_there(api: Api, name: str) -> None:
    status, problem, _ = await api.ask("GET", f"/page/{name}")
    assert (status, problem["code"]) == (404, "not_found")


async def test_of_very_many_tasks_those_that_need_to_be_seen_are_drawn(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TASKS_DRAWN", 2)
    async with api.worker("w1") as worker:
        await worker.welcome()
        for name in ("a", "b", "c"):
            await api.submit(name=name)
        for order in await worker.orders(3):
            await worker.obey(order)
        await until(lambda: _all_run(api))
        await api.submit(name="zz-too-big", memory_bytes=2**50)
        text, _ = await body(api)
    assert ">zz-too-big</a>" in text
    assert text.count('<th scope="row">') == 2 + 1  # and the node
    assert "2 more tasks" in text


async def _all_run(api: Api) -> bool:
    return all(task["state"] == "running" for task in await api.get("/task"))


async def test_an_unknown_parameter_is_refused(api: Api) -> None:
    status, problem, _ = await api.ask("GET", "/?view=all")
    assert (status, problem["code"]) == (400, "invalid_input")
