"""A file of backends for HAProxy, from tasks labelled `haproxy.enable: "true"`.

To be included beside a configuration that has the frontends, and loaded anew when it differs. Nothing that a user wrote
gets into it but by a closed list of words: a line break in a label must not become a line of a configuration.
"""

from __future__ import annotations

from collections.abc import Iterator

from cube.core.discovery import Served
from cube.manager.discovery.prometheus import port_of

ENABLE = "haproxy.enable"
PORT, MODE, BALANCE = "haproxy.port", "haproxy.mode", "haproxy.balance"
MODES = ("http", "tcp")
BALANCES = ("roundrobin", "leastconn", "source", "first")
HEADER = "# Backends of a cube cluster: replicas that are ready. Made anew at each request; do not edit.\n"


def backends(tasks: list[Served]) -> str:
    """Return the file. A task without a ready replica has a backend without servers, which answers 503."""
    return HEADER + "".join("\n" + "\n".join(_backend(one)) + "\n" for one in tasks)


def _backend(one: Served) -> Iterator[str]:
    labels = one.task.spec.labels
    yield f"backend cube_{one.task.name}"
    yield f"    mode {_one_of(MODES, labels.get(MODE, ''))}"
    yield f"    balance {_one_of(BALANCES, labels.get(BALANCE, ''))}"
    # A replica that died a moment ago is still here: whoever is sent there is sent on.
    yield "    option redispatch"
    yield "    retries 3"
    for endpoint in one.on(port_of(labels.get(PORT, ""))):
        yield f"    server {one.task.name}.{endpoint.slot} {endpoint.authority} check inter 1s"


def _one_of(words: tuple[str, ...], given: str) -> str:
    return given if given in words else words[0]
