"""Two hosts join by token and TLS over their wires, as the README says it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.certificates import rotate
from tests.lab.lab import Lab
from tests.lab.stories import copies, running, serve
from tests.scenarios.processes import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.lab]

LIFE = 9.0  # of a certificate: renewed every three seconds


@pytest.fixture(scope="module")
def joined() -> Iterator[Lab]:
    """Two hosts that joined, with containers."""
    lab = Lab.up(f"j{os.getpid()}", 2, owned=True, certificate_seconds=LIFE)
    try:
        serve(lab, "web", replicas=4)
        yield lab
    finally:
        lab.down()


def renewals(lab: Lab) -> list[int]:
    """How often each host has renewed its certificate."""
    return [host.worker_log().count("the certificate is renewed") for host in lab.hosts.values()]


def test_certificates_are_renewed_and_the_root_is_rotated_under_running_containers(
    joined: Lab,
) -> None:
    before, sessions = copies(joined, "web"), epochs(joined)
    first = renewals(joined)
    eventually(
        lambda: renewals(joined),
        lambda now: all(n >= f + 2 for n, f in zip(now, first, strict=True)),
        30,
    )
    rotate(joined)
    assert copies(joined, "web") == before
    assert epochs(joined) == sessions
    assert len(running(joined.client.task("web"))) == 4


def test_hosts_are_back_after_manager_and_worker_restart_without_another_token(
    joined: Lab,
) -> None:
    before = copies(joined, "web")
    joined.kill_manager()
    joined.start_manager()
    joined.hosts["h1"].kill_worker()
    joined.hosts["h1"].start_worker()
    joined.boot(list(joined.hosts.values()))
    assert copies(joined, "web") == before


def epochs(lab: Lab) -> list[int]:
    """How many sessions each host has opened."""
    return [host.worker_log().count("session ") for host in lab.hosts.values()]
