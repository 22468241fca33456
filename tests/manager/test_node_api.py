"""`/node` over real HTTP."""

from __future__ import annotations

import pytest

from cube.model.node import Usage
from cube.wire.messages import Lease, LeaseHeld
from tests.builders import node_id
from tests.manager.conftest import Api, until


async def test_a_node_shows_what_it_is_and_uses(api: Api) -> None:
    async with api.worker() as worker:
        await worker.welcome()
        await api.submit(name="web", cpu_millis=500)
        await worker.orders(1)
        await worker.say(Lease(number=1, usage=Usage(cpu_millis=100)))
        await worker.expect(LeaseHeld)
        [node] = await api.get("/nodes")
        assert node == await api.get("/node/w1") | {"heard_ms_ago": node["heard_ms_ago"]}
    assert (node["name"], node["id"], node["condition"]) == ("w1", node_id("w1"), "ready")
    assert (node["reserved"]["cpu_millis"], node["usage"]["cpu_millis"]) == (500, 100)
    assert node["allocations"] == 1


@pytest.mark.parametrize(
    ("verb", "availability"),
    [("drain", "draining"), ("cordon", "cordoned"), ("uncordon", "active")],
)
async def test_a_node_is_set_aside_and_opened(api: Api, verb: str, availability: str) -> None:
    async with api.worker() as worker:
        await worker.welcome()
    for _ in range(2):
        status, node, _ = await api.ask("POST", f"/node/w1/{verb}")
        assert (status, node["availability"]) == (200, availability)


async def test_a_connected_node_is_not_forgotten(api: Api) -> None:
    async with api.worker() as worker:
        await worker.welcome()
        status, problem, _ = await api.ask("DELETE", "/node/w1")
        assert (status, problem["code"]) == (409, "conflict")

    async def gone() -> bool:
        return (await api.ask("DELETE", "/node/w1"))[0] == 204

    await until(gone)
    assert await api.get("/node") == []
    assert (await api.ask("GET", "/node/w1"))[0] == 404


async def test_an_unknown_node_is_not_found(api: Api) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/drain")):
        assert (await api.ask(method, f"/node/nobody{path}"))[0] == 404


async def test_a_drain_shows_what_is_left_and_why(api: Api) -> None:
    async with api.worker() as worker:
        await worker.welcome()
        await api.submit(name="web")
        await worker.orders(1)
        assert (await api.get("/node/w1/drain"))["left"] == []
        await api.ask("POST", "/node/w1/drain?deadline_ms=600000")
        drain = await api.get("/node/w1/drain")
    assert drain["availability"] == "draining"
    assert drain["ended_at"] is None
    assert drain["deadline_at"] > drain["began_at"]
    [left] = drain["left"]
    assert (left["name"], left["step"]) == ("web.1", "blocked")
    assert left["reason"] == "no node fits: 1 is draining (w1)"


async def test_a_drain_by_force_has_the_deadline_of_now(api: Api) -> None:
    async with api.worker() as worker:
        await worker.welcome()
        await api.ask("POST", "/node/w1/drain?force=1")
        drain = await api.get("/node/w1/drain")
    assert drain["deadline_at"] == drain["began_at"]


async def test_a_misspelt_deadline_is_refused(api: Api) -> None:
    async with api.worker() as worker:
        await worker.welcome()
        status, problem, _ = await api.ask("POST", "/node/w1/drain?deadline=600000")
    assert (status, problem["errors"][0]["path"]) == (400, "?deadline")
