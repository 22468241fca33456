"""Backends for HAProxy."""

from __future__ import annotations

from cube.manager.discovery.haproxy import HEADER, backends
from tests.manager.discovery.served_tasks import a_served


def test_each_task_is_a_backend_with_its_ready_replicas() -> None:
    tcp = {"haproxy.mode": "tcp", "haproxy.balance": "leastconn"}
    text = backends([a_served("db", 32003, labels=tcp), a_served("web", 32001, 32002)])

    assert text == (
        HEADER
        + """
backend cube_db
    mode tcp
    balance leastconn
    option redispatch
    retries 3
    server db.1 10.0.0.1:32003 check inter 1s

backend cube_web
    mode http
    balance roundrobin
    option redispatch
    retries 3
    server web.1 10.0.0.1:32001 check inter 1s
    server web.2 10.0.0.2:32002 check inter 1s
"""
    )


def test_a_backend_without_replicas_stays_so_that_its_frontend_is_valid() -> None:
    assert "backend cube_web\n" in backends([a_served("web")])
    assert "server" not in backends([a_served("web")]).replace(HEADER, "")


def test_a_label_never_becomes_a_line_of_the_configuration() -> None:
    evil = "http\n    http-request set-path /admin"
    labels = {"haproxy.mode": evil, "haproxy.balance": evil, "haproxy.port": evil}

    assert backends([a_served("web", 32001, labels=labels)]) == backends([a_served("web", 32001)])


def test_no_task_at_all_is_a_file_with_nothing_but_its_header() -> None:
    assert backends([]) == HEADER
