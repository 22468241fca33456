from __future__ import annotations

import pytest

from cube.errors import InvalidInput
from cube.model.spec import HealthCheck, ProbeKind
from cube.wire.health import health


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/health", HealthCheck(ProbeKind.HTTP, path="/health")),
        ({"http": "/health"}, HealthCheck(ProbeKind.HTTP, path="/health")),
        ({"path": "/health"}, HealthCheck(ProbeKind.HTTP, path="/health")),
        ({"http": "/", "port": 81}, HealthCheck(ProbeKind.HTTP, port=81)),
        ({"tcp": 5432}, HealthCheck(ProbeKind.TCP, port=5432)),
        ({"kind": "tcp"}, HealthCheck(ProbeKind.TCP)),
        (
            {"command": "pg_isready -q"},
            HealthCheck(ProbeKind.COMMAND, command=("pg_isready", "-q")),
        ),
        ({"command": ["a", "b c"]}, HealthCheck(ProbeKind.COMMAND, command=("a", "b c"))),
        ({"kind": "command", "command": ["a"]}, HealthCheck(ProbeKind.COMMAND, command=("a",))),
        (
            {"http": "/", "interval": "5s", "timeout": "1s", "grace": "1m", "retries": 4},
            HealthCheck(
                ProbeKind.HTTP, interval_ms=5_000, timeout_ms=1_000, grace_ms=60_000, failures=4
            ),
        ),
        (
            {"kind": "http", "interval_ms": 1, "timeout_ms": 2, "grace_ms": 3, "successes": 4},
            HealthCheck(ProbeKind.HTTP, interval_ms=1, timeout_ms=2, grace_ms=3, successes=4),
        ),
    ],
)
def test_a_health_check_is_written_short_or_in_full(written: object, meant: HealthCheck) -> None:
    assert health(written, "health") == meant


@pytest.mark.parametrize(
    ("written", "objections"),
    [
        ("health", ["health: expected a path like"]),
        (5, ["health: expected a mapping"]),
        ({}, ["health: does not say how to ask"]),
        ({"interval": "5s"}, ["health: does not say how to ask"]),
        ({"http": "/", "tcp": 1}, ["health: asks in 2 ways (http, tcp); keep one"]),
        ({"kind": "http", "http": "/"}, ["health.http: says the same as `kind`"]),
        ({"http": "/", "path": "/x"}, ["health.path: says the same as `http`"]),
        ({"tcp": 1, "port": 2}, ["health.port: says the same as `tcp`"]),
        (
            {"http": "/", "interval": "5s", "interval_ms": 1},
            ["health.interval_ms: says the same as `interval`"],
        ),
        ({"kind": "grpc"}, ['health.kind: expected http, tcp or command, got "grpc"']),
        (
            {"http": "/", "start_period": "5s"},
            ["health.start_period: unknown key; did you mean `grace`?"],
        ),
        (
            {"http": "/", "intervall": "5s"},
            ["health.intervall: unknown key; did you mean `interval`?"],
        ),
        (
            {"http": 5, "interval": 5, "retries": "3", "x": 1},
            [
                "health.http: expected text",
                'health.interval: has no unit; write "5s"',
                "health.retries: expected a whole number",
                "health.x: unknown key; remove it",
            ],
        ),
    ],
)
def test_what_is_no_health_check_is_refused_with_the_fix(
    written: object, objections: list[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        health(written, "health")

    told = [f"{objection.path}: {objection.message}" for objection in caught.value.objections]
    assert len(told) == len(objections)
    assert all(said.startswith(start) for said, start in zip(told, objections, strict=True)), told
