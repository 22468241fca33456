"""What the texts in a task may look like: names, images, paths, users, signals, and the kernel's own words.

Every pattern is linear in the length of the text and matches the whole of it, in ASCII: no look-alikes, no
invisible characters, nothing that means something to a shell, a path, a header or a terminal.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    """Return the words of the text: forty strings in quotes are harder to check against a manual."""
    return frozenset(text.split())


# Checked before any other use: a task's name becomes part of paths, labels, headers and arguments.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
NAME_LENGTH = 63  # a host name's label (RFC 1035)

# Docker's grammar (distribution/reference): [host[:port]/]path[:tag][@digest].
NAME_OF_A_HOST = 253  # RFC 1035
_HOST_LABEL = r"[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*"
_HOST = rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REGISTRY = re.compile(_HOST)
_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")
_IMAGE = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_PART}(?:/{_PART})*)"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,128})?"
)
_IMAGE_NAME_LENGTH = 255
_IMAGE_LENGTH = 600  # name, tag and the longest digest
_ID = re.compile(r"[0-9a-f]{64}")  # a bare one would be taken for an image's id

_VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}")
_EXTRA = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
_PLATFORM = re.compile(r"[a-z0-9]{1,16}/[a-z0-9_]{1,16}(?:/[a-z0-9]{1,8})?")
_LABEL_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?")
_HTTP_PATH = re.compile(r"/[!-~]{0,2047}")

_PATH_LENGTH = 4095  # PATH_MAX without its NUL
_KERNEL_TREES = ("proc", "sys", "dev")  # writing there is writing to the host

_SIGNAL = re.compile(r"(?:SIG)?([A-Z0-9]{2,6}|RTMIN(?:\+[0-9]{1,2})?|RTMAX(?:-[0-9]{1,2})?)")
_SIGNAL_NUMBER = re.compile(r"[1-9][0-9]?")
_LAST_SIGNAL = 64
_SIGNALS = _words(
    "HUP INT QUIT ILL TRAP ABRT IOT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CLD CONT STOP TSTP "
    "TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS"
)

CAPABILITIES = _words(
    "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE "
    "DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD "
    "NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN "
    "SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG WAKE_ALARM"
)
"""capabilities(7), without the prefix CAP_."""

ULIMITS = _words(
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack"
)
"""setrlimit(2), as docker spells them."""


def is_name(text: str) -> bool:
    """Whether a task may be called so."""
    return len(text) <= NAME_LENGTH and _NAME.fullmatch(text) is not None


def is_reference(text: str) -> bool:
    """Whether it may be the name or the id of something: what people type, and what stands in URLs and headers."""
    return _REFERENCE.fullmatch(text) is not None


def similar_name(text: str) -> str:
    """Return a name a task may have that resembles the text; empty when none does."""
    near = re.sub(r"[^a-z0-9._-]+", "-", text[:NAME_LENGTH].lower()).strip("._-")
    return near if is_name(near) else ""


def is_image(text: str) -> bool:
    """Whether it is an image reference in docker's grammar."""
    match = _IMAGE.fullmatch(text) if len(text) <= _IMAGE_LENGTH else None
    return (
        match is not None
        and len(match["name"]) <= _IMAGE_NAME_LENGTH
        and not _ID.fullmatch(match["name"])
    )


def is_registry(text: str) -> bool:
    """Whether it names a registry as images do: a host, and perhaps a port. A bare word is a folder of Docker Hub."""
    looks_like_host = "." in text or ":" in text or text == "localhost"
    return len(text) <= NAME_OF_A_HOST and looks_like_host and bool(_REGISTRY.fullmatch(text))


def is_volume(text: str) -> bool:
    """Whether the engine takes it as a volume's name. A path is none."""
    return _VOLUME.fullmatch(text) is not None


def is_extra(text: str) -> bool:
    """Whether a kind of devices may be called so."""
    return _EXTRA.fullmatch(text) is not None


def is_platform(text: str) -> bool:
    """Whether it names a platform as images do: `linux/arm64`."""
    return _PLATFORM.fullmatch(text) is not None


def is_label_key(text: str) -> bool:
    """Whether a label may be called so."""
    return _LABEL_KEY.fullmatch(text) is not None


def is_user(text: str) -> bool:
    """Whether it names a user, by name or number, and perhaps a group: `www-data`, `1000:1000`."""
    return _USER.fullmatch(text) is not None


def is_http_path(text: str) -> bool:
    """Whether it can stand in a request line as it is."""
    return _HTTP_PATH.fullmatch(text) is not None


def is_signal(text: str) -> bool:
    """Whether it names a signal: `SIGTERM`, `TERM`, `15`, `RTMIN+3`."""
    if _SIGNAL_NUMBER.fullmatch(text):
        return int(text) <= _LAST_SIGNAL
    match = _SIGNAL.fullmatch(text)
    return match is not None and (match[1] in _SIGNALS or match[1].startswith("RT"))


def is_environment_name(text: str) -> bool:
    """Whether the kernel can tell name and value apart, and a person can read the name."""
    return bool(text) and "=" not in text and text.isprintable()


def clean_path(text: str) -> str:
    """Return the path without what says nothing (`//`, `/./`, a `/` at the end), to compare it with others."""
    return "/" + "/".join(part for part in text.split("/") if part not in ("", "."))


def why_no_path(text: str) -> str:
    """Return what is wrong with a path inside a container; empty when nothing is."""
    if not text.startswith("/"):
        return "must be an absolute path; begin it with /"
    if len(text.encode("utf-8", "surrogatepass")) > _PATH_LENGTH:
        return f"is longer than {_PATH_LENGTH} bytes; shorten it"
    if not text.isprintable() or ":" in text:
        return "has a colon or an invisible character; remove it"
    parts = clean_path(text)[1:].split("/")
    if ".." in parts:
        return "contains ..; write where it leads"
    if parts[0] in _KERNEL_TREES:
        return f"is under /{parts[0]}, which belongs to the kernel; choose another place"
    return ""
