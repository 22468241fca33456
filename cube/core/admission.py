"""Whether a task may enter. Every objection is told at once, each with its path and what to write instead.

Types are settled before (`wire`), what a machine has is asked later (`scheduler`), what a machine allows is its
worker's own. Here stand the ranges, the grammar and the rules between fields; each rule is a generator below.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice

from cube.core import grammar, ranges
from cube.core.attachments import devices, mounted, network, secrets
from cube.core.paths import at, shown
from cube.core.ranges import in_range
from cube.core.whereabouts import constrained, extras, preferred
from cube.errors import Objection
from cube.model.spec import HealthCheck, Port, ProbeKind, Protocol, RestartPolicy, TaskSpec

MAX_OBJECTIONS = 50  # more than anybody mends in one go; the rest is not looked for
MAX_TEXT = 4 * 1024
MAX_LONG_TEXT = 32 * 1024  # values of variables and arguments: certificates and scripts live there
MAX_TOTAL = 64 * 1024  # the spec travels in messages and in a label of each of its containers
MAX_LABELS = 64


def admit(spec: TaskSpec, *, strategies: Collection[str] | None = None) -> tuple[Objection, ...]:
    """Return what speaks against the task, at most `MAX_OBJECTIONS`; nothing when it may enter.

    `strategies` are the names of those the manager has; None where that is not known, and left to the manager.
    """
    return tuple(islice(_objections(spec, strategies), MAX_OBJECTIONS))


def _objections(spec: TaskSpec, strategies: Collection[str] | None) -> Iterator[Objection]:
    for rule in _RULES:
        yield from rule(spec)
    if spec.strategy and strategies is not None and spec.strategy not in strategies:
        known = ", ".join(sorted(strategies))
        yield Objection("strategy", f"{shown(spec.strategy)} is none; choose one of {known}")


def _names(spec: TaskSpec) -> Iterator[Objection]:
    if not grammar.is_name(spec.name):
        near = grammar.similar_name(spec.name)
        example = f", for example {near}" if near else ""
        yield Objection(
            "name",
            f"{shown(spec.name)} is no task name; use up to {grammar.NAME_LENGTH} of a-z, 0-9, '.', '_', '-', "
            f"with a letter or digit at both ends{example}",
        )
    if not grammar.is_image(spec.image):
        yield Objection(
            "image",
            f"{shown(spec.image)} is no image reference; write it like nginx:1.27 or "
            "registry.example.com:5000/team/web:1",
        )


def _numbers(spec: TaskSpec) -> Iterator[Objection]:
    for allowed in ranges.SPEC:
        yield from in_range(spec, allowed, "")


def _sizes(spec: TaskSpec) -> Iterator[Objection]:
    """Bound every text by itself, and all together: many small ones are a large one, too."""
    total = 0
    for field, step, text, most in _texts(spec):
        length = len(text.encode("utf-8", "surrogatepass"))
        total += length + 1
        if length > most:
            yield Objection(at(field, step), f"is {length} bytes long; {most} is the most")
        if "\0" in text:
            yield Objection(
                at(field, step),
                "contains a NUL character, which ends every text in the kernel; remove it",
            )
    if total > MAX_TOTAL:
        yield Objection(
            "",
            f"the texts of the task are {total} bytes long; {MAX_TOTAL} is the most: mount a volume for the rest",
        )


def _texts(spec: TaskSpec) -> Iterator[tuple[str, str | int, str, int]]:
    """Yield each text that no grammar bounds: its field, the step to it from there, itself and its limit."""
    for index, argument in enumerate(spec.command):
        yield "command", index, argument, MAX_LONG_TEXT
    for index, argument in enumerate(spec.entrypoint):
        yield "entrypoint", index, argument, MAX_LONG_TEXT
    if spec.health is not None:
        for index, argument in enumerate(spec.health.command):
            yield "health.command", index, argument, MAX_LONG_TEXT
    for key, value in spec.env.items():
        yield "env", key, key, MAX_TEXT
        yield "env", key, value, MAX_LONG_TEXT
    for key, value in spec.labels.items():
        yield "labels", key, value, MAX_TEXT


def _environment(spec: TaskSpec) -> Iterator[Objection]:
    for key in spec.env:
        if not grammar.is_environment_name(key):
            yield Objection(
                at("env", key), "is no variable's name; use visible characters without = or spaces"
            )


def _labels(spec: TaskSpec) -> Iterator[Objection]:
    if len(spec.labels) > MAX_LABELS:
        yield Objection("labels", f"has {len(spec.labels)} labels; {MAX_LABELS} is the most")
    for key, value in spec.labels.items():
        if not grammar.is_label_key(key):
            yield Objection(
                at("labels", key),
                "is no label; use up to 128 letters, digits, '.', '_', '-', '/', a letter or digit at both ends",
            )
        elif key.lower().startswith("cube."):
            yield Objection(at("labels", key), "begins with cube., which is cube's own; rename it")
        if not value.isprintable():
            yield Objection(at("labels", key), "has an invisible character in its value; remove it")


def _process(spec: TaskSpec) -> Iterator[Objection]:
    if spec.user and not grammar.is_user(spec.user):
        yield Objection(
            "user", f"{shown(spec.user)} is no user; write it like www-data, 1000 or 1000:1000"
        )
    if spec.workdir and (why := grammar.why_no_path(spec.workdir)):
        yield Objection("workdir", why)
    if spec.stop_signal and not grammar.is_signal(spec.stop_signal):
        yield Objection(
            "stop_signal",
            f"{shown(spec.stop_signal)} is no signal; write it like SIGTERM, TERM or 15",
        )


def _rights(spec: TaskSpec) -> Iterator[Objection]:
    for field, named in (("cap_add", spec.cap_add), ("cap_drop", spec.cap_drop)):
        for index, name in enumerate(named):
            if why := _why_no_capability(name, all_of_them=field == "cap_drop"):
                yield Objection(f"{field}[{index}]", why)
    for name in sorted({*spec.cap_add}.intersection(spec.cap_drop)):
        yield Objection("cap_drop", f"{shown(name)} is in cap_add, too; keep one of the two")


def _why_no_capability(name: str, *, all_of_them: bool) -> str:
    if name in grammar.CAPABILITIES or (name == "ALL" and all_of_them):
        return ""
    if name == "ALL":
        return "every capability at once makes a container root on its host; name those it needs"
    proper = name[:64].upper().removeprefix("CAP_")
    if proper in grammar.CAPABILITIES:
        return f"write {proper}"
    return f"{shown(name)} is no capability; write it like NET_BIND_SERVICE"


def _ulimits(spec: TaskSpec) -> Iterator[Objection]:
    seen: set[str] = set()
    for index, limit in enumerate(spec.ulimits):
        path = f"ulimits[{index}]"
        if limit.name not in grammar.ULIMITS:
            known = ", ".join(sorted(grammar.ULIMITS))
            yield Objection(f"{path}.name", f"{shown(limit.name)} is none; choose one of {known}")
        if limit.name in seen:
            yield Objection(f"{path}.name", f"{shown(limit.name)} is limited twice; keep one")
        seen.add(limit.name)
        for allowed in ranges.ULIMITS:
            yield from in_range(limit, allowed, path)
        if limit.hard != -1 and not 0 <= limit.soft <= limit.hard:
            yield Objection(f"{path}.soft", f"is above the hard limit {limit.hard}; lower it")


def _ports(spec: TaskSpec) -> Iterator[Objection]:
    taken: dict[tuple[int, int, Protocol], dict[str, int]] = {}
    for index, port in enumerate(spec.ports):
        path = f"ports[{index}]"
        yield from in_range(port, ranges.CONTAINER_PORT, path)
        yield from in_range(port, ranges.HOST_PORT, path)
        if port.host_ip and not _is_address(port.host_ip):
            yield Objection(
                f"{path}.host_ip",
                f"{shown(port.host_ip)} is no IP address; write it like 127.0.0.1, or leave it out",
            )
        # Any free host port is asked for once per container port; a fixed one is taken once.
        wanted = (port.host_port, 0 if port.host_port else port.container_port, port.protocol)
        others = taken.setdefault(wanted, {})
        if (other := _clashing(port, others)) is not None:
            what = (
                f"host port {port.host_port}" if port.host_port else f"port {port.container_port}"
            )
            yield Objection(
                path, f"publishes {what}/{port.protocol} like ports[{other}]; remove one"
            )
        others.setdefault(_address(port), index)


def _clashing(port: Port, others: Mapping[str, int]) -> int | None:
    """Return which of the others, by address, listens where this port would; every address includes each."""
    address = _address(port)
    if address == _EVERY:
        return next(iter(others.values()), None)
    return others.get(address, others.get(_EVERY))


def _address(port: Port) -> str:
    return _EVERY if port.host_ip in ("", "0.0.0.0", "::") else port.host_ip


_EVERY = "*"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone names an interface of one machine


def _restarts(spec: TaskSpec) -> Iterator[Objection]:
    if spec.max_restarts is None:
        return
    if spec.restart is RestartPolicy.NEVER:
        yield Objection("max_restarts", "means nothing with restart: never; remove one of the two")
    yield from in_range(spec, ranges.MAX_RESTARTS, "")


def _health(spec: TaskSpec) -> Iterator[Objection]:
    check = spec.health
    if check is None:
        return
    for allowed in ranges.HEALTH:
        yield from in_range(check, allowed, "health")
    if check.kind is ProbeKind.COMMAND:
        yield from _command_check(check)
        return
    yield from in_range(check, ranges.HEALTH_PORT, "health")
    if check.kind is ProbeKind.HTTP and not grammar.is_http_path(check.path):
        yield Objection(
            "health.path",
            'must begin with / and have no spaces, like "/health"; at most 2048 characters',
        )
    if check.command:
        yield Objection(
            "health.command", f"is not for {check.kind} checks; remove it or use kind: command"
        )
    if not check.port and not spec.ports:
        yield Objection(
            "health.port", f"a {check.kind} check needs a port; give one here or in `ports`"
        )
    elif not check.port and spec.ports[0].protocol is not Protocol.TCP:
        yield Objection("health.port", "the first of `ports` is not TCP; give the port to ask here")


def _command_check(check: HealthCheck) -> Iterator[Objection]:
    if not check.command or not check.command[0]:
        yield Objection("health.command", 'is missing; write it like ["pg_isready", "-q"]')
    if check.port:
        yield Objection("health.port", "is not for command checks; remove it")


_RULES: tuple[Callable[[TaskSpec], Iterator[Objection]], ...] = (
    _names,
    _numbers,
    _sizes,
    _environment,
    _labels,
    _process,
    _rights,
    _ulimits,
    _ports,
    mounted,
    devices,
    network,
    secrets,
    _restarts,
    _health,
    extras,
    constrained,
    preferred,
)
