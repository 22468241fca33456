"""`python -m tests.scenarios.patient_manager`: a manager that waits for its workers for longer than cube's own.

A worker restarts in less than a second on a machine that has time for it. Where several tests start processes side by
side it takes longer than the four after which its tasks are started elsewhere, as they should be.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cube.cli.daemon import serve
from cube.manager.app import Manager
from cube.model.timing import Timing
from cube.settings import ManagerSettings

PATIENT = Timing(suspect_after=15.0, lost_after=30.0)


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    manager = Manager(ManagerSettings(port=options.port, data=options.data, timing=PATIENT))
    return serve([manager], ready=lambda: None, broken=manager.run)


if __name__ == "__main__":
    raise SystemExit(main())
