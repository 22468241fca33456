"""The engine's words and what they mean. The texts are what real engines answered, mostly 20.10."""

from __future__ import annotations

import pytest

from cube.model.allocation import FailureKind
from cube.runtime.failures import (
    PERMISSION_DENIED,
    Asked,
    Refused,
    Verb,
    away,
    name_failure,
    removed_outside,
    slow,
)

OCI = "failed to create shim task: OCI runtime create failed: runc create failed: "
INIT = OCI + "unable to start container process: "

START = [
    (
        500,
        "driver failed programming external connectivity on endpoint x (6c46): "
        "Bind for 0.0.0.0:8080 failed: port is already allocated",
        FailureKind.PORT_TAKEN,
        "port 8080 is taken on this machine by something else",
    ),
    (
        500,
        "driver failed programming external connectivity on endpoint x (6c46): Error starting "
        "userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use",
        FailureKind.PORT_TAKEN,
        "port 8080 is taken on this machine by something else",
    ),
    (
        500,
        "Error starting userland proxy: listen udp4 0.0.0.0:53: bind: address already in use",
        FailureKind.PORT_TAKEN,
        "port 53 is taken on this machine by something else",
    ),
    (
        500,
        "Error starting userland proxy: listen tcp4 9.9.9.9:8080: bind: cannot assign requested address",
        FailureKind.PORT_TAKEN,
        "port 8080 cannot be opened: this machine has no address 9.9.9.9",
    ),
    (
        400,
        INIT + 'exec: "serve": executable file not found in $PATH: unknown',
        FailureKind.COMMAND_NOT_FOUND,
        "command serve not found in the image",
    ),
    (
        400,
        INIT + 'exec: "/no/such": stat /no/such: no such file or directory: unknown',
        FailureKind.COMMAND_NOT_FOUND,
        "command /no/such not found in the image",
    ),
    (
        400,
        "OCI runtime create failed: container_linux.go:380: starting container process caused: "
        'exec: "/etc": permission denied: unknown',
        FailureKind.COMMAND_NOT_FOUND,
        "command /etc cannot be executed: permission denied",
    ),
    (
        500,
        "unable to find user nobodyhere: no matching entries in passwd file",
        FailureKind.BAD_SPEC,
        "user nobodyhere does not exist in the image",
    ),
    (
        500,
        OCI + "wrong rlimit value: RLIMIT_NOPE: unknown",
        FailureKind.BAD_SPEC,
        "the container cannot start as asked: wrong rlimit value: RLIMIT_NOPE",
    ),
    (
        500,
        INIT + 'error during container init: error mounting "tmpfs" to rootfs at "/x": '
        "mount tmpfs:/x (via /proc/self/fd/6), flags: 0xe, data: size=zz: invalid argument: unknown",
        FailureKind.BAD_SPEC,
        None,
    ),
    (
        500,
        OCI + "container init was OOM-killed (memory limit too low?): unknown",
        FailureKind.BAD_SPEC,
        None,
    ),
    (
        500,
        "mkdir /var/lib/docker/overlay2/x/merged: no space left on device",
        FailureKind.NO_SPACE,
        None,
    ),
    (404, "No such container: abc", FailureKind.REMOVED_OUTSIDE, None),
    (
        409,
        "container is marked for removal and cannot be started",
        FailureKind.REMOVED_OUTSIDE,
        None,
    ),
    (
        500,
        OCI + "cgroup: something strange",
        FailureKind.ENGINE_ERROR,
        "the container engine refused (start): cgroup: something strange",
    ),
]


@pytest.mark.parametrize(("status", "message", "kind", "words"), START)
def test_a_container_that_does_not_start_says_why(
    status: int, message: str, kind: FailureKind, words: str | None
) -> None:
    failure = name_failure(Asked(Verb.START, "abc"), status, message)

    assert failure.kind is kind
    assert words is None or failure.message == words


CREATE = [
    (404, "No such image: nginx:nope", FailureKind.IMAGE_MISSING),
    (409, 'Conflict. The container name "/cube-web-1" is already in use', FailureKind.NAME_TAKEN),
    (400, "Invalid signal: NOPE", FailureKind.BAD_SPEC),
    (400, 'invalid CapAdd: unknown capability: "CAP_NOPE"', FailureKind.BAD_SPEC),
    (500, "write /var/lib/docker/x: no space left on device", FailureKind.NO_SPACE),
    (500, "something else", FailureKind.ENGINE_ERROR),
]


@pytest.mark.parametrize(("status", "message", "kind"), CREATE)
def test_a_container_that_is_not_made_says_why(
    status: int, message: str, kind: FailureKind
) -> None:
    assert name_failure(Asked(Verb.CREATE, "nginx:nope"), status, message).kind is kind


NOT_FOUND = "image nginx:nope not found; check the name and tag"
PULL = [
    (
        404,
        "manifest for nginx:nope not found: manifest unknown: manifest unknown",
        FailureKind.IMAGE_MISSING,
        NOT_FOUND,
    ),
    (404, "anything", FailureKind.IMAGE_MISSING, NOT_FOUND),
    (
        404,
        "pull access denied for nginx, repository does not exist or may require 'docker login': "
        "denied: requested access to the resource is denied",
        FailureKind.IMAGE_MISSING,
        NOT_FOUND + ", or log in if it is private",
    ),
    (
        0,
        "no matching manifest for linux/arm64/v8 in the manifest list entries",
        FailureKind.IMAGE_MISSING,
        "image nginx:nope has no variant for this machine (linux/arm64/v8)",
    ),
    (
        500,
        "Head http://127.0.0.1:5000/v2/x/manifests/1: no basic auth credentials",
        FailureKind.REGISTRY_DENIED,
        None,
    ),
    (
        500,
        "Get http://127.0.0.1:5000/v2/: unauthorized: authentication required",
        FailureKind.REGISTRY_DENIED,
        None,
    ),
    (
        500,
        'Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused',
        FailureKind.REGISTRY_AWAY,
        None,
    ),
    (
        500,
        'Get "https://nosuch.invalid/v2/": dial tcp: lookup nosuch.invalid: no such host',
        FailureKind.REGISTRY_AWAY,
        None,
    ),
    (
        0,
        "toomanyrequests: You have reached your pull rate limit",
        FailureKind.REGISTRY_AWAY,
        None,
    ),
    (
        0,
        "received unexpected HTTP status: 503 Service Unavailable",
        FailureKind.REGISTRY_AWAY,
        None,
    ),
    (
        0,
        "filesystem layer verification failed for digest sha256:1",
        FailureKind.REGISTRY_AWAY,
        None,
    ),
    (
        400,
        "invalid reference format: repository name must be lowercase",
        FailureKind.BAD_SPEC,
        None,
    ),
    (
        0,
        "failed to register layer: write /x: no space left on device",
        FailureKind.NO_SPACE,
        None,
    ),
]


@pytest.mark.parametrize(("status", "message", "kind", "words"), PULL)
def test_an_image_that_does_not_come_says_why(
    status: int, message: str, kind: FailureKind, words: str | None
) -> None:
    failure = name_failure(Asked(Verb.PULL, "nginx:nope"), status, message)

    assert failure.kind is kind
    assert words is None or failure.message == words


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.REMOVE, Verb.COMMAND, Verb.LOGS])
def test_what_is_asked_of_a_container_that_is_gone_says_so(verb: Verb) -> None:
    failure = name_failure(Asked(verb, "0123456789abcdef"), 404, "No such container: 0123")

    assert failure == removed_outside("0123456789abcdef")
    assert "0123456789ab " in failure.message


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        (Verb.STOP, "cannot stop container: web: tried to kill container, but did not receive an exit event"),
        (
            Verb.REMOVE,
            "Could not kill running container 0123456789abcdef, cannot remove - "
            "tried to kill container, but did not receive an exit event",
        ),
    ],
)  # fmt: skip
def test_a_container_that_outlives_its_kill_is_stuck(verb: Verb, message: str) -> None:
    failure = name_failure(Asked(verb, "0123456789abcdef"), 500, message)

    assert failure.kind is FailureKind.STUCK
    assert failure.message == "container 0123456789ab is stuck: it was killed and does not end"


def test_an_unknown_signal_is_the_tasks_fault() -> None:
    failure = name_failure(Asked(Verb.STOP, "abc"), 400, "Invalid signal: NOPE")

    assert failure.kind is FailureKind.BAD_SPEC


def test_a_message_is_one_line_and_not_endless() -> None:
    failure = name_failure(Asked(Verb.LIST), 500, "a\n  b " + "c" * 1000)

    assert failure.kind is FailureKind.ENGINE_ERROR
    assert "a b ccc" in failure.message
    assert len(failure.message) < 400


def test_a_refusal_keeps_the_status() -> None:
    refused = Refused(Asked(Verb.CREATE, "x"), 409, "Conflict")

    assert (refused.status, refused.kind) == (409, FailureKind.NAME_TAKEN)


def test_an_engine_that_may_not_be_asked_says_who_may() -> None:
    assert away("unix:///e.sock", PERMISSION_DENIED).message == (
        "cube may not open unix:///e.sock; run the worker as root or as a member of the group docker"
    )
    assert away("unix:///e.sock", "connection refused").message == (
        "the container engine at unix:///e.sock does not answer (connection refused)"
    )


def test_slowness_says_what_was_waited_for_and_how_long() -> None:
    failure = slow(Asked(Verb.CREATE, "nginx:1.27"), 30)

    assert failure.kind is FailureKind.ENGINE_SLOW
    assert failure.message == "the container engine did not finish in 30 s: create nginx:1.27"
    pull = slow(Asked(Verb.PULL, "nginx:1.27"), 60)
    assert pull.message == "the pull of nginx:1.27 stood still for 60 s and was given up"
