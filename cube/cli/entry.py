"""Where the `cube` process begins: a Tab is answered at once, everything else loads the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run what the command line says and end the process."""
    if sys.argv[1:2] == ["__complete"]:
        from cube.cli.complete import main as complete

        sys.exit(complete(sys.argv[2:]))
    from cube.cli.app import main as command

    command()
