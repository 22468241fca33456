"""Dynamic configuration for Traefik."""

from __future__ import annotations

from cube.manager.discovery.traefik import configuration
from tests.manager.discovery.served_tasks import a_served

RULE = {"traefik.http.routers.web.rule": "Host(`a.example`)"}


def test_a_rule_is_all_that_a_task_needs() -> None:
    document, ignored = configuration([a_served("web", 32001, 32002, labels=RULE)])

    assert ignored == ()
    assert document == {
        "http": {
            "routers": {"web": {"service": "web", "rule": "Host(`a.example`)"}},
            "services": {
                "web": {
                    "loadBalancer": {
                        "servers": [
                            {"url": "http://10.0.0.1:32001"},
                            {"url": "http://10.0.0.2:32002"},
                        ]
                    }
                }
            },
        }
    }


def test_the_keys_are_read_in_any_case_and_typed_as_traefik_wants_them() -> None:
    labels = {
        "traefik.http.routers.web.rule": "PathPrefix(`/`)",
        "traefik.http.routers.web.entryPoints": "web, websecure",
        "traefik.http.routers.web.middlewares": "auth@file",
        "traefik.http.routers.web.priority": "10",
        "traefik.http.routers.web.tls": "true",
        "traefik.http.routers.web.tls.certresolver": "le",
        "traefik.http.services.app.loadbalancer.server.port": "8080",
        "traefik.http.services.app.loadbalancer.server.scheme": "https",
        "traefik.http.services.app.loadbalancer.passHostHeader": "false",
    }
    document, ignored = configuration([a_served("web", 32001, labels=labels)])

    assert ignored == ()
    assert document["http"]["routers"]["web"] == {
        "service": "app",
        "rule": "PathPrefix(`/`)",
        "entryPoints": ["web", "websecure"],
        "middlewares": ["auth@file"],
        "priority": 10,
        "tls": {"certResolver": "le"},
    }
    assert document["http"]["services"]["app"]["loadBalancer"] == {
        "servers": [{"url": "https://10.0.0.1:32001"}],
        "passHostHeader": False,
    }


def test_nothing_to_tell_is_an_empty_document_without_empty_sections() -> None:
    assert configuration([]) == ({}, ())
    assert configuration([a_served("web", labels=RULE)]) == ({}, ())
    only_a_service, _ = configuration([a_served("web", 32001)])
    assert list(only_a_service["http"]) == ["services"]


def test_what_is_not_understood_is_named_and_left_out() -> None:
    labels = RULE | {
        "traefik.enable": "true",
        "traefik.http.routers.web.priority": "high",
        "traefik.http.routers.web.nope": "1",
        "traefik.http.middlewares.strip.stripprefix.prefixes": "/a",
        "traefik.tcp.routers.web.rule": "HostSNI(`*`)",
        "traefik.http.services.web.loadbalancer.sticky": "true",
    }
    document, ignored = configuration([a_served("web", 32001, labels=labels)])

    assert set(document["http"]["routers"]["web"]) == {"service", "rule"}
    assert ignored == tuple(
        f"web: traefik.{name}"
        for name in (
            "http.middlewares.strip.stripprefix.prefixes",
            "http.routers.web.nope",
            "http.routers.web.priority",
            "http.services.web.loadbalancer.sticky",
            "tcp.routers.web.rule",
        )
    )


def test_a_router_without_a_rule_is_none() -> None:
    labels = {"traefik.http.routers.web.entrypoints": "web"}
    document, _ = configuration([a_served("web", 32001, labels=labels)])

    assert "routers" not in document["http"]


def test_a_scheme_that_is_none_is_not_passed_on() -> None:
    labels = RULE | {"traefik.http.services.web.loadbalancer.server.scheme": "file:///etc"}
    document, _ = configuration([a_served("web", 32001, labels=labels)])

    (server,) = document["http"]["services"]["web"]["loadBalancer"]["servers"]
    assert server["url"] == "http://10.0.0.1:32001"
