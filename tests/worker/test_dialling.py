from __future__ import annotations

import pytest

from cube.worker.dialling import health_url, session_url


@pytest.mark.parametrize(
    ("tls", "session", "health"),
    [
        (False, "ws://[::1]:5555/worker/session", "http://[::1]:5555/healthz"),
        (True, "wss://[::1]:5555/worker/session", "https://[::1]:5555/healthz"),
    ],
)
def test_session_and_health_are_at_one_place(tls: bool, session: str, health: str) -> None:
    assert session_url("::1", 5555, tls=tls) == session
    assert str(health_url(session)) == health
