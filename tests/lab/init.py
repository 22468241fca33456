"""The first process of a lab host: buries what is orphaned in its process namespace. All of the host dies with it.

Run as `python init.py READY_FILE`, which it makes once it lives.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    """Reap until killed."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    Path(sys.argv[1]).touch()
    while True:
        signal.sigwait({signal.SIGCHLD})
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass  # all are buried


main()
