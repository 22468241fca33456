"""The reference says what the code does: every key, route and exit code is in it."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from cube.cli.exits import Exit
from cube.manager.api.certificates import CertificateApi
from cube.manager.api.discovery import DiscoveryApi
from cube.manager.api.events import EventApi
from cube.manager.api.join import JoinApi
from cube.manager.api.listing import TaskListing
from cube.manager.api.logs import LogApi
from cube.manager.api.metrics import MetricsApi
from cube.manager.api.names import NameApi
from cube.manager.api.nodes import NodeApi
from cube.manager.api.page import PageApi
from cube.manager.api.placement import PlacementApi
from cube.manager.api.rebalance import RebalanceApi
from cube.manager.api.status import StatusApi
from cube.manager.api.tasks import TaskChanges
from cube.manager.api.tunnels import TunnelApi
from cube.manager.api.upkeep import UpkeepApi
from cube.manager.api.usage import UsageApi
from cube.manager.api.watch import WatchApi
from cube.model.event import EventKind
from cube.model.role import Role
from cube.settings import ManagerSettings
from cube.wire.canonical import FIELDS
from cube.wire.operation import Place
from cube.wire.operations import MANAGER
from cube.wire.routes import STREAM, TUNNEL
from cube.wire.watch import WatchKind
from tests.house.checkout import name_of
from tests.house.generated import GENERATED, REFERENCE


@pytest.mark.parametrize("path", GENERATED, ids=name_of)
def test_what_is_made_from_the_code_is_up_to_date(path: Path) -> None:
    assert path.read_text() == GENERATED[path](), "out of date: scripts/reference writes it anew"


def test_every_key_of_a_task_is_in_the_reference() -> None:
    words = set(re.findall(r"`([a-z_]+)`", (REFERENCE / "task-file.md").read_text()))
    assert set(FIELDS) - words == set()


def test_every_exit_code_is_in_the_reference() -> None:
    rows = re.findall(r"^\| (\d+) \|", (REFERENCE / "command.md").read_text(), re.MULTILINE)
    assert sorted(map(int, rows)) == sorted(Exit)


def test_every_route_of_the_manager_is_in_the_reference() -> None:
    told = (REFERENCE / "api.md").read_text()
    anything = MagicMock()  # routes are a list: nothing is asked while it is made
    apis = (
        DiscoveryApi(anything),
        MetricsApi(anything, anything, anything),
        EventApi(anything, anything, anything),
        LogApi(anything, anything, anything, anything),
        NameApi(anything),
        NodeApi(anything, anything),
        PageApi(anything, anything),
        RebalanceApi(anything, anything),
        StatusApi(anything, anything, anything, anything, anything, anything),
        TaskChanges(anything, anything, ManagerSettings(), anything),
        PlacementApi(anything, anything, anything, "spread"),
        TaskListing(anything, anything),
        TunnelApi(anything, anything, anything),
        UpkeepApi(anything, anything),
        JoinApi(anything, anything, anything, ManagerSettings(), anything),
        CertificateApi(anything, anything, anything),
        WatchApi(anything, anything),
        UsageApi(anything, anything),
    )
    paths = {route.path for api in apis for route in api.routes()} - {STREAM, TUNNEL}
    last_words = {path.rsplit("/", 1)[-1] for path in paths}
    missing = {word for word in last_words if f"/{word}" not in told}
    assert missing == set()


def test_every_parameter_of_a_query_is_in_the_reference() -> None:
    told = set(re.findall(r"\?([a-z_]+)\b", (REFERENCE / "api.md").read_text()))
    asked = {
        parameter.name
        for operation in MANAGER
        for parameter in operation.parameters
        if parameter.place is Place.QUERY and operation.role is not Role.WORKER
    }
    assert asked - told == {"timestamps"}  # taken for docker's sake, and without effect


def test_every_message_of_the_live_view_is_in_the_reference() -> None:
    rows = re.findall(r"^\| `([a-z.]+)` \|", (REFERENCE / "events.md").read_text(), re.MULTILINE)
    assert {kind.value for kind in WatchKind} - set(rows) == set()


def test_every_kind_of_event_is_in_the_reference() -> None:
    rows = re.findall(
        r"^\| ((?:`[a-z_.]+`(?:, )?)+) \|", (REFERENCE / "events.md").read_text(), re.M
    )
    kinds = {kind for row in rows for kind in re.findall(r"[a-z_.]+", row)}
    assert {kind.value for kind in EventKind} - kinds == set()
    assert {kind for kind in kinds if "." in kind} - {"task.gone", "node.gone"} == {*EventKind}
