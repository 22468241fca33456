"""Certificates that live a minute, and roots that are rotated, under hosts that run containers: nothing notices."""

from __future__ import annotations

import os
import time

from tests.bench.figures import table
from tests.lab.aims import kept
from tests.lab.lab import Lab
from tests.lab.stories import copies, serve
from tests.scenarios.processes import eventually

MINUTES = 10
ROTATIONS = 3
LIFE = 60.0  # seconds
REPLICAS = 20
HOSTS = 2
LOOK_EVERY = 0.5
LONGEST_GAP = 2.0  # seconds without a connection that a host may have


def measure(minutes: int = MINUTES) -> str:
    """Return what came of so many minutes with three rotations, as a Markdown table."""
    lab = Lab.up(f"c{os.getpid()}", HOSTS, owned=True, certificate_seconds=LIFE)
    try:
        serve(lab, "web", replicas=REPLICAS)
        before = copies(lab, "web")
        longest, rotated = _watch(lab, minutes * 60.0)
        restarted = sum(before[slot] != now for slot, now in copies(lab, "web").items())
        renewals = sum(_count(host.worker_log(), "is renewed") for host in lab.hosts.values())
        sessions = sum(_count(host.worker_log(), "session ") for host in lab.hosts.values())
    finally:
        lab.down()
    whole = not restarted and longest <= LONGEST_GAP and rotated == ROTATIONS
    rows = [
        ("minutes, with certificates of 60 s", str(minutes), ""),
        ("containers", str(REPLICAS), ""),
        ("rotations of the root", str(rotated), kept(rotated == ROTATIONS)),
        ("certificates renewed", str(renewals), ""),
        ("sessions opened", str(sessions), ""),
        ("containers restarted or moved", str(restarted), kept(not restarted)),
        ("longest time without a session", f"{longest:.1f} s", kept(longest <= LONGEST_GAP)),
        ("all of it", "", kept(whole)),
    ]
    return table(("what", "seen", "kept"), rows)


def _watch(lab: Lab, seconds: float) -> tuple[float, int]:
    """Look at the nodes all the time and rotate now and then; return the longest gap and the rotations that ended."""
    began = time.monotonic()
    seen, longest, rotated = began, 0.0, 0
    while (now := time.monotonic()) < began + seconds:
        if all(node.connected for node in lab.client.nodes()):
            seen = now
        longest = max(longest, now - seen)
        if now > began + (rotated + 0.5) * seconds / ROTATIONS:
            rotate(lab)
            rotated += 1
        time.sleep(LOOK_EVERY)
    return longest, rotated


def rotate(lab: Lab) -> None:
    """Rotate the root, and return when the old one is gone."""
    before = lab.client.rotation().pin
    lab.client.rotate()
    done = eventually(lab.client.rotation, lambda seen: seen.stage == "quiet", 20)
    assert done.pin != before


def _count(log: str, words: str) -> int:
    return sum(words in line for line in log.splitlines())
