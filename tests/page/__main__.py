"""`python -m tests.page FOLDER`: pictures of the page with something on it. Start it by scripts/picture."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.bench.cluster import Cluster
from tests.page.chromium import Tab, chromium

LIVE = "document.querySelector('#connection.live') !== null && !document.querySelector('#tiles').hidden"
STALE = "document.querySelector('#connection.stale') !== null"
TASKS = {"web": 6, "api": 4, "cache": 2, "db": 1, "mail": 1, "queue": 3, "search": 3, "worker": 5}
TOO_BIG = {"name": "train", "image": "ml/train:2026.11", "replicas": 2, "cpu_millis": 16_000}
WIDTH, HEIGHT = 1280, 800


async def main(folder: Path) -> None:
    """Draw the page: all well, light and dark; something wrong; and the manager away."""
    async with Cluster(workers=0) as cluster, chromium() as browser:
        await cluster.simulate(3, 1, start_time="20ms..200ms", cpu_millis=8_000)
        for name, replicas in TASKS.items():
            asked = {"cpu_millis": 500, "memory_bytes": 12 << 30, "image": f"shop/{name}:1.4"}
            await cluster.submit({"name": name, "replicas": replicas, **asked})
        url = f"http://127.0.0.1:{cluster.port}/"
        all_run = f"document.querySelectorAll('#task-table .state.running').length === {len(TASKS)}"
        async with browser.tab(width=WIDTH, height=HEIGHT) as light:
            await light.open(url)
            await light.until(f"{LIVE} && {all_run}")
            _write(folder, "page-light", await light.picture())
            async with browser.tab(width=WIDTH, height=HEIGHT, dark=True) as dark:
                await dark.open(url)
                await dark.until(f"{LIVE} && {all_run}")
                _write(folder, "page-dark", await dark.picture())
            await _something_wrong(cluster, light)
            _write(folder, "page", await light.picture())
            os.kill(cluster.manager_pid, signal.SIGKILL)
            await light.until(STALE)
            _write(folder, "page-away", await light.picture())


async def _something_wrong(cluster: Cluster, tab: Tab) -> None:
    """Ask for what fits nowhere, take a node out, and look at why."""
    id = await cluster.submit(TOO_BIG)
    async with cluster.session.post("/node/sim0-3/cordon") as answer:
        answer.raise_for_status()
    await tab.until("document.querySelector('#concerns').innerText.includes('cordoned')")
    await tab.see(f"location.hash = 'open=task/{id}&tab=placement'")
    await tab.until("document.querySelector('.placement table') !== null")
    await tab.see(
        "Promise.all(document.getAnimations().map((one) => one.finished)).then(() => true)"
    )


def _write(folder: Path, name: str, picture: bytes) -> None:
    (folder / f"{name}.png").write_bytes(picture)
    print(f"{name}.png {len(picture) // 1024} kB")


asyncio.run(main(Path(sys.argv[1])))
