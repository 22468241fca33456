"""What the engine's errors mean: from the engine's words to a named fact and a sentence for people. Pure.

The engine tells most faults apart by text only: a taken port, a full disk and an unknown user all answer 500.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from cube.core.policy import registry_of
from cube.model.allocation import Failure, FailureKind
from cube.runtime.contract import RuntimeFailure

PERMISSION_DENIED = "permission denied"
LONGEST_DETAIL = 300


class Verb(StrEnum):
    """What was asked of the engine."""

    FACTS = "facts"
    LIST = "list"
    IMAGES = "images"
    INSPECT = "inspect"
    PULL = "pull"
    CREATE = "create"
    START = "start"
    STOP = "stop"
    REMOVE = "remove"
    COMMAND = "command"
    EXEC = "exec"
    ARCHIVE = "archive"
    EVENTS = "events"
    LOGS = "logs"
    STATS = "stats"


class Asked(msgspec.Struct, frozen=True):
    """A question to the engine and what it was about: an image for pull and create, else a container."""

    verb: Verb
    subject: str = ""


class Refused(RuntimeFailure):
    """The engine answered with an error. `status` is for those verbs to which it may be no failure."""

    def __init__(self, asked: Asked, status: int, message: str) -> None:
        super().__init__(name_failure(asked, status, message))
        self.status = status


def name_failure(asked: Asked, status: int, message: str) -> Failure:
    """Return the fact behind an error the engine answered with. `status` 0: told inside a stream."""
    text = _plain(message)
    if re.search(r"no space left on device|disk quota exceeded", text, re.IGNORECASE):
        return Failure(FailureKind.NO_SPACE, f"no space left on this machine's disk: {text}")
    if asked.verb is Verb.PULL:
        return _pull_failure(asked.subject, status, text)
    if asked.verb is Verb.CREATE:
        return _create_failure(asked.subject, status, text)
    if status == 404:
        return removed_outside(asked.subject)
    if asked.verb is Verb.START:
        return _start_failure(status, text)
    if "did not receive an exit event" in text:  # told by stop and by remove
        return stuck(asked.subject)
    if asked.verb is Verb.STOP and status == 400:
        return Failure(FailureKind.BAD_SPEC, f"the stop signal is not known: {text}")
    return engine_error(asked, text)


def removed_outside(container_id: str) -> Failure:
    """Return the fact that a container of this worker is not there any more."""
    return Failure(
        FailureKind.REMOVED_OUTSIDE,
        f"container {container_id[:12]} is not there any more; something other than cube removed it",
    )


def stuck(container_id: str) -> Failure:
    """Return the fact that a container lives on although it was killed: it waits for a disk, or is frozen."""
    return Failure(
        FailureKind.STUCK,
        f"container {container_id[:12]} is stuck: it was killed and does not end",
    )


def port_taken(port: str | int) -> Failure:
    """Return the fact that a host port cannot be had."""
    return Failure(
        FailureKind.PORT_TAKEN, f"port {port} is taken on this machine by something else"
    )


def image_absent(image: str) -> Failure:
    """Return the fact that a container cannot be made because its image was never pulled."""
    return Failure(FailureKind.IMAGE_MISSING, f"image {image} is not on this machine")


def away(engine: str, reason: str) -> Failure:
    """Return the fact that no engine answers at that address."""
    if reason == PERMISSION_DENIED:
        hint = "run the worker as root or as a member of the group docker"
        return Failure(FailureKind.ENGINE_AWAY, f"cube may not open {engine}; {hint}")
    said = f" ({reason})" if reason else ""
    return Failure(
        FailureKind.ENGINE_AWAY, f"the container engine at {engine} does not answer{said}"
    )


def slow(asked: Asked, seconds: float) -> Failure:
    """Return the fact that the engine took longer than it may."""
    if asked.verb is Verb.PULL:  # of which the engine may be the least to blame
        message = f"the pull of {asked.subject} stood still for {seconds:g} s and was given up"
        return Failure(FailureKind.ENGINE_SLOW, message)
    return Failure(
        FailureKind.ENGINE_SLOW,
        f"the container engine did not finish in {seconds:g} s: {_doing(asked)}",
    )


def _doing(asked: Asked) -> str:
    subject = asked.subject if asked.verb in (Verb.PULL, Verb.CREATE) else asked.subject[:12]
    return f"{asked.verb} {subject}".strip()


def engine_error(asked: Asked, text: str) -> Failure:
    """Return the fact that the engine could not, for a reason that has no name here."""
    return Failure(
        FailureKind.ENGINE_ERROR, f"the container engine refused ({_doing(asked)}): {text}"
    )


_WRAPPING = re.compile(
    r"^(?:failed to create (?:shim )?task(?: for container)?: |OCI runtime (?:create|start|exec) failed: "
    r"|exec failed: |runc (?:create|start) failed: |unable to start container process: "
    r"|container_linux\.go:\d+: |starting container process caused: |error during container init: "
    r"|Error response from daemon: )+"
)


def _plain(message: str) -> str:
    """Return the engine's message in one line without the layers of software it came through."""
    text = _WRAPPING.sub("", " ".join(message.split())).removesuffix(": unknown")
    return text if len(text) <= LONGEST_DETAIL else f"{text[:LONGEST_DETAIL]}…"


# Pull --------------------------------------------------------------------------------------------

_PULL_MISSING = re.compile(
    r"manifest unknown|manifest for .* not found|name unknown|not found: |repository .* not found"
    r"|does not exist or may require",
    re.IGNORECASE,
)
_PULL_OTHER_PLATFORM = re.compile(r"no matching manifest for (\S+)", re.IGNORECASE)
_PULL_DENIED = re.compile(
    r"unauthorized|authentication required|no basic auth credentials|denied|forbidden"
    r"|incorrect username or password",
    re.IGNORECASE,
)
_PULL_LATER = re.compile(r"toomanyrequests|too many requests|rate limit", re.IGNORECASE)


def _pull_failure(image: str, status: int, text: str) -> Failure:
    if status == 400 or "invalid reference format" in text:
        return Failure(FailureKind.BAD_SPEC, f"image {image} is not a valid name: {text}")
    if other := _PULL_OTHER_PLATFORM.search(text):
        return Failure(
            FailureKind.IMAGE_MISSING, f"image {image} has no variant for this machine ({other[1]})"
        )
    if _PULL_LATER.search(text):
        return Failure(
            FailureKind.REGISTRY_AWAY, f"the registry refuses {image} for now: too many requests"
        )
    # Docker Hub says "denied" of what does not exist, so this comes before the next.
    if _PULL_MISSING.search(text):
        login = ", or log in if it is private" if "may require" in text else ""
        return Failure(
            FailureKind.IMAGE_MISSING, f"image {image} not found; check the name and tag{login}"
        )
    if _PULL_DENIED.search(text):
        return Failure(
            FailureKind.REGISTRY_DENIED,
            f"the registry does not let this machine pull {image}; "
            f"use cube registry set {registry_of(image)}, or docker login there as the worker's user",
        )
    if status == 404:
        return Failure(
            FailureKind.IMAGE_MISSING, f"image {image} not found; check the name and tag"
        )
    return Failure(FailureKind.REGISTRY_AWAY, f"image {image} could not be pulled: {text}")


# Create ------------------------------------------------------------------------------------------


def _create_failure(image: str, status: int, text: str) -> Failure:
    if status == 404:
        return image_absent(image)
    if status == 409:
        return Failure(
            FailureKind.NAME_TAKEN, f"other containers hold every name cube would take: {text}"
        )
    if status == 400:
        return Failure(FailureKind.BAD_SPEC, f"the container engine refuses the task: {text}")
    return engine_error(Asked(Verb.CREATE, image), text)


# Inside a container ------------------------------------------------------------------------------


def exec_failure(asked: Asked, message: str) -> Failure:
    """Return why a command was never started in its container, from what the engine wrote as its output."""
    text = _plain(message)
    if command := _COMMAND.search(text):
        return _command_failure(command["command"], command["why"], "container")
    if user := _USER.search(text):
        return Failure(
            FailureKind.BAD_SPEC, f"{user['kind']} {user['name']} does not exist in the container"
        )
    if _BAD_SPEC.search(text):
        return Failure(FailureKind.BAD_SPEC, f"the command cannot start as asked: {text}")
    return engine_error(asked, text)


# Start -------------------------------------------------------------------------------------------

_PORT = re.compile(
    r"(?:listen (?:tcp|udp)[46]? |Bind for )(?P<ip>\S*):(?P<port>\d+)(?P<why>:| failed)"
)
_COMMAND = re.compile(
    r'exec: "(?P<command>[^"]*)": (?P<why>executable file not found|stat |permission denied'
    r"|is a directory|no such file or directory)"
)
_USER = re.compile(r"unable to find (?P<kind>user|group) (?P<name>[^:]+):")
_BAD_SPEC = re.compile(
    r"rlimit|error mounting|chdir to cwd|cannot chdir|mkdir .*(?:not a directory|read-only file system)"
    r"|memory limit too low|OOM-killed|no command specified|invalid argument",
    re.IGNORECASE,
)


def _start_failure(status: int, text: str) -> Failure:
    if port := _PORT.search(text):
        return _port_failure(port["ip"], port["port"], text)
    if command := _COMMAND.search(text):
        return _command_failure(command["command"], command["why"])
    if user := _USER.search(text):
        return Failure(
            FailureKind.BAD_SPEC, f"{user['kind']} {user['name']} does not exist in the image"
        )
    if status == 409 and "marked for removal" in text:
        return Failure(FailureKind.REMOVED_OUTSIDE, f"the container is being removed: {text}")
    if status == 400 or _BAD_SPEC.search(text):
        return Failure(FailureKind.BAD_SPEC, f"the container cannot start as asked: {text}")
    return engine_error(Asked(Verb.START), text)


def _port_failure(ip: str, port: str, text: str) -> Failure:
    if "cannot assign requested address" in text:
        # Not the task's fault: another machine may have the address.
        return Failure(
            FailureKind.PORT_TAKEN,
            f"port {port} cannot be opened: this machine has no address {ip}",
        )
    if "permission denied" in text:
        return Failure(
            FailureKind.PORT_TAKEN, f"port {port} cannot be opened: the engine may not use it"
        )
    return port_taken(port)


def _command_failure(command: str, why: str, place: str = "image") -> Failure:
    if why in ("permission denied", "is a directory"):
        return Failure(
            FailureKind.COMMAND_NOT_FOUND, f"command {command} cannot be executed: {why}"
        )
    return Failure(FailureKind.COMMAND_NOT_FOUND, f"command {command} not found in the {place}")
