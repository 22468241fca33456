"""`/discovery/…`, asked as Prometheus and proxies do."""

from __future__ import annotations

import logging

import pytest

from cube.manager.api import discovery as discovery_module
from cube.model.allocation import Health, Phase, PortBinding
from cube.model.node import Facts
from cube.wire.messages import Acknowledge
from tests.builders import CAPACITY
from tests.manager.conftest import Api, until

LABELS = {
    "prometheus.io/scrape": "true",
    "haproxy.enable": "true",
    "traefik.enable": "true",
    "traefik.http.routers.web.rule": "Host(`a.example`)",
}
AT = Facts(name="w1", address="10.0.0.1", capacity=CAPACITY)
FORMS = ("prometheus", "traefik", "haproxy")


async def answers(api: Api) -> list[bytes]:
    """What is told in each form."""
    bodies = []
    for form in FORMS:
        async with api.session.get(f"{api.base}/discovery/{form}") as answer:
            assert answer.status == 200
            bodies.append(await answer.read())
    return bodies


async def test_a_replica_is_told_while_it_is_ready(api: Api) -> None:
    async with api.worker(facts=AT) as worker:
        await worker.welcome()
        await api.submit(name="web", labels=LABELS, ports=[{"container_port": 80}])
        [order] = await worker.orders(1)
        nobody = await answers(api)
        assert nobody[:2] == [b"[]\n", b"{}\n"]

        there = {"ports": (PortBinding(80, 32001),), "container_id": "c1"}
        await worker.report(order.id, Phase.RUNNING, **there)
        await worker.expect(Acknowledge)

        async def everywhere() -> bool:
            return all(b"10.0.0.1:32001" in body for body in await answers(api))

        await until(everywhere)

        await worker.report(order.id, Phase.RUNNING, health=Health.UNHEALTHY, **there)
        await worker.expect(Acknowledge)

        async def nowhere() -> bool:
            return await answers(api) == nobody

        await until(nowhere)


async def test_an_unchanged_cluster_gives_the_same_bytes(api: Api) -> None:
    async with api.worker(facts=AT) as worker:
        await worker.welcome()
        await api.submit(name="web", replicas=3, labels=LABELS, ports=[{"container_port": 80}])
        for number, order in enumerate(await worker.orders(3)):
            there = {"ports": (PortBinding(80, 32001 + number),)}
            await worker.report(order.id, Phase.RUNNING, **there)
            await worker.expect(Acknowledge)
        first = await answers(api)
        await api.submit(name="other")  # nothing that a proxy is to know

        assert await answers(api) == first


async def test_labels_that_traefik_will_not_hear_of_are_logged_once(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    await api.submit(name="web", labels=LABELS | {"traefik.http.nope": "1"})
    with caplog.at_level(logging.WARNING):
        await answers(api)
        await answers(api)

    told = [record.getMessage() for record in caplog.records]
    assert told == ["labels that are not passed on to Traefik: web: traefik.http.nope"]


async def test_an_answer_that_took_long_is_kept_for_a_while(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery_module, "QUICK", -1.0)
    monkeypatch.setattr(discovery_module, "KEPT_TIMES", 1e9)
    before = await answers(api)
    await api.submit(name="web", labels=LABELS)

    assert await answers(api) == before
