"""What the processes of a lab are told of their surroundings."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANAGER_PORT = 5555  # in the manager's namespace, and at the near end of each host's tunnel
TUNNEL_PORT = 7555  # the tunnels' far end, on the manager's wires


def environment() -> dict[str, str]:
    """Return this process's environment without settings of cube or of a Docker client."""
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("CUBE_", "DOCKER_", "PYTEST_", "COV_"))
    }
    return kept | {"PYTHONPATH": str(ROOT), "CUBE_MANAGER_PORT": str(MANAGER_PORT)}
