"""`/watch` and `/attention` over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from cube.manager.app import Manager
from cube.settings import ManagerSettings
from tests.manager.conftest import Api, running
from tests.manager.fake_worker import FakeWorker

Message = tuple[str, dict[str, Any], str]


class Watcher:
    """Reads `/watch` as a page does, and keeps what it says of everything."""

    def __init__(self, lines: AsyncIterable[bytes]) -> None:
        self._lines = lines
        self.tasks: dict[str, Any] = {}
        self.nodes: dict[str, Any] = {}
        self.attention: dict[str, Any] = {}
        self.events: list[Any] = []
        self.last_id = ""
        self.seen: list[str] = []  # kinds, in order

    async def next(self) -> Message:
        """Return kind, data and id of the next message, and take it in."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(5):
            async for line in self._lines:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "data" in fields:
                    break
                else:
                    fields.clear()
        assert fields, "the stream ended"
        kind, data = fields["event"], json.loads(fields["data"])
        self.last_id = fields.get("id", self.last_id)
        self._take(kind, data)
        return kind, data, self.last_id

    def _take(self, kind: str, data: dict[str, Any]) -> None:
        self.seen.append(kind)
        match kind:
            case "snapshot":
                if data["part"] == 1:
                    self.tasks, self.nodes = {}, {}
                self.tasks |= {task["name"]: task for task in data["tasks"]}
                self.nodes |= {node["name"]: node for node in data["nodes"]}
                self.attention = data["attention"] or self.attention
                self.events += data["events"]
            case "task":
                self.tasks[data["name"]] = data
            case "task.gone":
                self.tasks = {
                    key: one for key, one in self.tasks.items() if one["id"] != data["id"]
                }
            case "node":
                self.nodes[data["name"]] = data
            case "node.gone":
                self.nodes = {
                    key: one for key, one in self.nodes.items() if one["id"] != data["id"]
                }
            case "attention":
                self.attention = data
            case "event":
                self.events.append(data)

    async def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Return the data of the next message of that kind, the last of `count`."""
        while True:
            found, data, _ = await self.next()
            count -= found == kind
            if not count:
                return data

    async def until_task(self, name: str, **fields: Any) -> dict[str, Any]:
        """Return the task when it is so."""
        async with asyncio.timeout(5):
            while True:
                task: dict[str, Any] = self.tasks.get(name, {})
                if task and all(task[key] == value for key, value in fields.items()):
                    return task
                await self.next()


@asynccontextmanager
async def watching(api: Api, last_id: str = "") -> AsyncIterator[Watcher]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with api.session.get(api.base + "/watch", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        yield Watcher(answer.content)


async def test_it_begins_with_everything_there_is(api: Api) -> None:
    async with api.worker("w1") as worker:
        await worker.welcome()
        await api.submit(name="web", replicas=2)
        async with watching(api) as page:
            kind, data, id = await page.next()
            assert (kind, data["part"], data["tasks"]) == ("snapshot", 1, [])
            kind, data, id = await page.next()
            assert (data["part"], data["parts"], bool(id)) == (2, 2, True)
            assert set(page.nodes) == {"w1"}
            listed = (await api.get("/task"))[0]
            assert page.tasks["web"] == listed | {"left_out": 0}
            assert page.events == await api.get("/event")


async def test_an_empty_cluster_has_a_snapshot_of_one_part(api: Api) -> None:
    async with watching(api) as page:
        kind, data, id = await page.next()
        assert (kind, data["part"], data["parts"], bool(id)) == ("snapshot", 1, 1, True)
        assert data["attention"] == {"errors": 0, "warnings": 0, "notices": 0, "concerns": []}


async def test_every_change_follows_as_a_whole_view_and_an_event(api: Api) -> None:
    async with api.worker("w1") as worker, watching(api) as page:
        await worker.welcome()
        created = await api.submit(name="web")
        assert (await page.until_task("web", state="scheduled"))["id"] == created["id"]
        await worker.obey((await worker.orders(1))[0])
        await page.until_task("web", state="running", ready=1)
        async with asyncio.timeout(5):
            while page.nodes.get("w1", {}).get("allocations") != 1:
                await page.next()
        kinds = [event["kind"] for event in page.events]
        assert "task.created" in kinds and "allocation.running" in kinds


async def test_what_is_wrong_is_told_when_it_changes(api: Api) -> None:
    async with watching(api) as page:
        await page.until("snapshot")
        await api.submit(name="web")
        told = await page.until("attention")
        assert (told["errors"], told["concerns"][0]["code"]) == (1, "unplaceable")
        assert await api.get("/attention") == told
        await api.ask("DELETE", "/task/web")
        assert (await page.until("attention"))["concerns"] == []


async def test_it_beats_when_nothing_happens(api: Api) -> None:
    async with watching(api) as page:
        first, second = await page.until("beat"), await page.until("beat")
        assert first["at"] < second["at"]


async def test_a_follower_resumes_behind_the_last_message_it_had(api: Api) -> None:
    await api.submit(name="a")
    async with watching(api) as page:
        await page.until("snapshot", 1)
        last = page.last_id
    await api.submit(name="b")
    async with watching(api, last) as page:
        await page.until_task("b")
        assert "snapshot" not in page.seen and set(page.tasks) == {"b"}


@pytest.mark.parametrize("last", ["nonsense", "deadbeef-1", "deadbeef-x"])
async def test_an_id_that_is_not_known_any_more_begins_again(api: Api, last: str) -> None:
    async with watching(api, last) as page:
        await page.until("snapshot")
        assert page.seen == ["resync", "snapshot"]


async def test_the_manager_ends_the_stream_when_it_stops(api: Api, manager: Manager) -> None:
    async with api.session.get(api.base + "/watch") as answer:
        async with asyncio.timeout(5):
            await manager.stop()
            await answer.read()


async def test_there_is_a_limit_to_those_who_watch(settings: ManagerSettings) -> None:
    async with running(replace(settings, followers=1)) as api, watching(api):
        status, problem, _ = await api.ask("GET", "/watch")
        assert (status, problem["code"]) == (503, "overloaded")


async def test_a_misspelt_parameter_is_refused(api: Api) -> None:
    status, problem, _ = await api.ask("GET", "/watch?snaphot=1")
    assert (status, problem["errors"][0]["path"]) == (400, "?snaphot")


async def test_a_node_that_is_removed_is_told_as_gone(api: Api) -> None:
    worker: FakeWorker
    async with api.worker("w1") as worker:
        await worker.welcome()
        async with watching(api) as page:
            await page.until("snapshot")
            await worker.socket.close()

            async def removed() -> bool:
                return (await api.ask("DELETE", "/node/w1"))[0] == 204

            async with asyncio.timeout(5):
                while not await removed():
                    await page.next()
            assert (await page.until("node.gone"))["id"] == worker.node_id
            assert page.nodes == {}
