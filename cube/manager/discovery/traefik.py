"""The dynamic configuration of Traefik's HTTP provider, from tasks labelled `traefik.enable: "true"`.

The labels are those that Traefik reads from containers, as far as they are in LABELS; others are told, not guessed at.
Traefik refuses a configuration with an empty section, so there is none: a task without a ready replica is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cube.core.discovery import Served
from cube.manager.discovery.prometheus import port_of

ENABLE = "traefik.enable"
PREFIX = "traefik."
_ROUTER = re.compile(r"traefik\.http\.routers\.([A-Za-z0-9_-]{1,64})\.([a-z.]+)", re.IGNORECASE)
_SERVER = re.compile(
    r"traefik\.http\.services\.([A-Za-z0-9_-]{1,64})\.loadbalancer\.([a-z.]+)", re.IGNORECASE
)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text.strip()) else None


def _yes(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.strip().lower())


Reader = Callable[[str], object]
"""What turns a label's value into what Traefik wants there; None or nothing at all: it cannot be that."""

ROUTER: Mapping[str, tuple[str, Reader]] = {
    "rule": ("rule", str),
    "entrypoints": ("entryPoints", _words),
    "middlewares": ("middlewares", _words),
    "priority": ("priority", _number),
    "service": ("service", str),
    "tls": ("tls", lambda text: {} if _yes(text) else None),
    "tls.certresolver": ("certResolver", str),
}
"""The keys of a router: how Traefik's JSON has them."""
SERVICE = ("server.port", "server.scheme", "passhostheader")
SCHEMES = ("http", "https", "h2c")

Document = dict[str, Any]


def configuration(tasks: list[Served]) -> tuple[Document, tuple[str, ...]]:
    """Return the configuration, and what of the labels was not understood: `web: traefik.http.foo`."""
    routers: Document = {}
    services: Document = {}
    ignored: list[str] = []
    for one in tasks:
        labels = _Labels(one)
        ignored += labels.ignored
        own = labels.services()
        if not own:
            continue
        services |= own
        routers |= labels.routers(next(iter(own)))
    sections = {"routers": routers, "services": services}
    http = {name: dict(sorted(section.items())) for name, section in sections.items() if section}
    return ({"http": http} if http else {}), tuple(ignored)


class _Labels:
    """The labels of one task, sorted by what they are about."""

    def __init__(self, one: Served) -> None:
        self._one = one
        self._routers: dict[str, Document] = {}
        self._services: dict[str, dict[str, str]] = {}
        self.ignored: list[str] = []
        for key, value in sorted(one.task.spec.labels.items()):
            if key.startswith(PREFIX) and key != ENABLE and not self._take(key, value):
                self.ignored.append(f"{one.task.name}: {key}")

    def services(self) -> Document:
        """Return the services that have a replica; one named as the task where none is named."""
        named = self._services or {self._one.task.name: {}}
        found = {name: self._service(given) for name, given in named.items()}
        return {name: service for name, service in found.items() if service is not None}

    def routers(self, service: str) -> Document:
        """Return the routers, to that service where they name none."""
        return {
            name: {"service": service} | given
            for name, given in self._routers.items()
            if "rule" in given
        }

    def _service(self, given: Mapping[str, str]) -> Document | None:
        scheme = given.get("server.scheme", "")
        scheme = scheme if scheme in SCHEMES else SCHEMES[0]
        endpoints = self._one.on(port_of(given.get("server.port", "")))
        if not endpoints:
            return None
        balancer: Document = {
            "servers": [{"url": f"{scheme}://{endpoint.authority}"} for endpoint in endpoints]
        }
        if (passing := _yes(given.get("passhostheader", ""))) is not None:
            balancer["passHostHeader"] = passing
        return {"loadBalancer": balancer}

    def _take(self, key: str, value: str) -> bool:
        if match := _ROUTER.fullmatch(key):
            return self._take_router(match[1], match[2].lower(), value)
        match = _SERVER.fullmatch(key)
        if match is None or match[2].lower() not in SERVICE:
            return False
        self._services.setdefault(match[1], {})[match[2].lower()] = value
        return True

    def _take_router(self, name: str, key: str, value: str) -> bool:
        if key not in ROUTER:
            return False
        own, read = ROUTER[key]
        meaning = read(value)
        if meaning is None or meaning in ("", []):
            return False
        router = self._routers.setdefault(name, {})
        if own == "certResolver":
            router.setdefault("tls", {})[own] = meaning
        else:
            router.setdefault(own, meaning)
        return True
