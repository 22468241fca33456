"""What a policy allows: images by one name however they are spelled, and rights by name."""

from __future__ import annotations

import pytest

from cube.core.policy import (
    Rights,
    canonical_image,
    forbidden,
    image_allowed,
    registry_of,
    rights_of,
)
from cube.model.policy import Policy
from tests.builders import a_spec

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("spelled", "canonical"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("library/busybox", "docker.io/library/busybox:latest"),
        ("docker.io/busybox:1", "docker.io/library/busybox:1"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox:latest"),
        ("Docker.IO/library/busybox", "docker.io/library/busybox:latest"),
        ("team/web:1", "docker.io/team/web:1"),
        ("localhost/web", "localhost/web:latest"),
        ("r.example.com:5000/team/web", "r.example.com:5000/team/web:latest"),
        ("[::1]:5000/web:2", "[::1]:5000/web:2"),
        (f"busybox:1@{DIGEST}", f"docker.io/library/busybox@{DIGEST}"),
        ("sha256:abcdef", "docker.io/library/sha256:abcdef"),
    ],
)
def test_an_image_has_one_name_however_it_is_spelled(spelled: str, canonical: str) -> None:
    assert canonical_image(spelled) == canonical
    assert canonical_image(canonical) == canonical


@pytest.mark.parametrize(
    ("pattern", "image", "allowed"),
    [
        ("*", "docker.io/library/busybox:latest", True),
        ("docker.io/library/*", "docker.io/library/busybox:latest", True),
        ("docker.io/library/*", "docker.io/libraryevil/x:1", False),
        ("r.example.com/*", "r.example.com.evil.org/x:1", False),
        ("r.example.com/*", "r.example.com:444/x:1", False),
        ("docker.io/library/nginx", "docker.io/library/nginx:1.27", True),
        ("docker.io/library/nginx", f"docker.io/library/nginx@{DIGEST}", True),
        ("docker.io/library/nginx", "docker.io/library/nginx-evil:1", False),
        ("docker.io/library/nginx", "docker.io/library/nginx/evil:1", False),
        ("docker.io/library/nginx:1.27", "docker.io/library/nginx:1.27", True),
        ("docker.io/library/nginx:1.27", "docker.io/library/nginx:1.28", False),
    ],
)
def test_a_pattern_is_a_repository_or_ends_at_a_slash(
    pattern: str, image: str, allowed: bool
) -> None:
    assert image_allowed((pattern,), image) is allowed


def test_the_closed_policy_allows_what_an_ordinary_task_asks_for() -> None:
    asked = rights_of(a_spec(cap_drop=("ALL",), cap_add=("CHOWN", "NET_BIND_SERVICE")))
    assert forbidden(Policy(), asked) == ""


def test_what_docker_gives_everybody_and_cube_does_not_has_to_be_allowed() -> None:
    asked = rights_of(a_spec(cap_add=("NET_RAW",)))
    assert forbidden(Policy(), asked) == "capability NET_RAW"
    assert forbidden(Policy(capabilities=("NET_RAW",)), asked) == ""


def test_limits_are_told_in_their_units() -> None:
    policy = Policy(pids_most=100, memory_most=512 << 20)
    assert forbidden(policy, Rights(image="x/y:1", pids=101)) == "more than 100 processes"
    assert forbidden(policy, Rights(image="x/y:1", pids=-1)) == "more than 100 processes"
    asked = Rights(image="x/y:1", pids=100, memory_bytes=513 << 20)
    assert forbidden(policy, asked) == "more than 512 MiB of memory"
    assert forbidden(Policy(pids_most=0), Rights(image="x/y:1", pids=-1)) == ""


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("nginx", "docker.io"),
        ("team/nginx:1", "docker.io"),
        ("docker.io/nginx", "docker.io"),
        ("index.docker.io/nginx", "docker.io"),
        ("localhost/nginx", "localhost"),
        ("localhost:5000/nginx", "localhost:5000"),
        ("registry.example/team/nginx@sha256:0", "registry.example"),
    ],
)
def test_the_registry_is_the_first_part_that_looks_like_a_host(image: str, registry: str) -> None:
    assert registry_of(image) == registry
