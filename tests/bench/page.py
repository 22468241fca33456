"""The page with many tasks: from a change on record to the change on the page, in headless Chromium."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiohttp

from tests.bench.cluster import Cluster, cpu_seconds, spec
from tests.bench.figures import percentile, table
from tests.page.chromium import Tab, chromium

BULK = 1_000
WORKERS = 10
LIVE = "document.querySelector('#connection.live') !== null && !document.querySelector('#tiles').hidden"
SEEN = """new Promise((seen) => {
    const look = () => document.querySelector(`#task-table tr a[data-open="task/%s"]`)
        ?.closest('tr').cells[2].innerText.trim().endsWith('/%d') && (watch.disconnect(), seen(Date.now()), true);
    const watch = new MutationObserver(look);
    watch.observe(document.querySelector('#task-table tbody'), {subtree: true, childList: true, characterData: true});
    look();
})"""


async def measure(tasks: int, rounds: int) -> str:
    """Scale one task after the other while all are on the page; both clocks are this machine's."""
    async with Cluster(workers=0) as cluster, chromium() as browser:
        await cluster.simulate(WORKERS, 1, start_time="1ms..5ms")
        ids = await _submit(cluster, tasks)
        async with browser.tab() as tab:
            began = time.perf_counter()
            await tab.open(f"http://127.0.0.1:{cluster.port}/")
            await tab.until(LIVE, 60)
            await tab.until(
                f"document.querySelectorAll('#task-table tbody tr').length === {tasks}", 60
            )
            loaded = time.perf_counter() - began
            before = cpu_seconds(cluster.manager_pid)
            taken = [
                await _change(cluster, tab, ids[one * 7 % tasks], 2 + one) for one in range(rounds)
            ]
            used = cpu_seconds(cluster.manager_pid) - before
            idle = await _idle(tab)
    shown = (f"{percentile(taken, share) * 1000:.0f}" for share in (0.5, 0.99, 1.0))
    columns = ("tasks", "changes", "p50 ms", "p99 ms", "most ms", "manager ms each")
    rows = [(f"{tasks:,}", str(rounds), *shown, f"{used / rounds * 1000:.0f}")]
    note = f"\n\nThe page was there with all rows after {loaded:.1f} s; its scripts then take {idle:.1f} % of a core."
    return table(columns, rows) + note


async def _submit(cluster: Cluster, tasks: int) -> list[str]:
    ids: list[str] = []
    for start in range(0, tasks, BULK):
        bulk = [spec(f"bench-{one}") for one in range(start, min(start + BULK, tasks))]
        async with cluster.session.post("/task", json=bulk) as answer:
            ids += [one["task"]["id"] for one in await answer.json()]
    async with asyncio.timeout(120):
        while await _running(cluster.session) < tasks:
            await asyncio.sleep(0.2)
    return ids


async def _running(session: aiohttp.ClientSession) -> int:
    async with session.get("/stats") as answer:
        return int((await answer.json())["replicas_running"])


async def _change(cluster: Cluster, tab: Tab, id: str, replicas: int) -> float:
    """Return the seconds from the request to the row that shows it."""
    seen = asyncio.ensure_future(tab.see(SEEN % (id, replicas)))
    await tab.see("1")  # the one before is under way in the page by now
    began = time.time()
    body: Any = json.dumps({"replicas": replicas})
    async with cluster.session.post(f"/task/{id}/scale", data=body) as answer:
        answer.raise_for_status()
    return float(await seen) / 1000 - began


async def _idle(tab: Tab) -> float:
    """Return how much of a core the page takes where nothing but beats comes, in percent."""
    seconds = 5.0
    await tab.send("Performance.enable")
    before = await _script_seconds(tab)
    await asyncio.sleep(seconds)
    return (await _script_seconds(tab) - before) / seconds * 100


async def _script_seconds(tab: Tab) -> float:
    told = await tab.send("Performance.getMetrics")
    return float(next(one["value"] for one in told["metrics"] if one["name"] == "TaskDuration"))
