"""The flag that names a manager, and a client of the one that was named."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from cube.cli.address import resolve as resolve
from cube.client.manager import ManagerClient

ManagerOption = Annotated[
    str,
    typer.Option(
        "-m", "--manager", metavar="HOST:PORT", help="The manager to ask (also CUBE_MANAGER)."
    ),
]


def connect(flag: str) -> ManagerClient:
    """Return a client of the manager that was named. Opens no connection yet."""
    return ManagerClient(resolve(flag, os.environ))
