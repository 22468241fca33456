"""What people monitor a cluster with is about metrics that exist: the reference, the alerts and the dashboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import yaml

from cube.instruments import PROCESS, Declared, Kind
from cube.manager.metric_table import MANAGER_METRICS
from cube.worker.metric_table import WORKER_METRICS
from tests.house.checkout import ROOT

MONITORING = ROOT / "docs" / "monitoring"
REFERENCE = ROOT / "docs" / "reference" / "metrics.md"
SECTIONS = {"manager": MANAGER_METRICS, "worker": WORKER_METRICS, "process": PROCESS}


def row(metric: Declared) -> str:
    """The line of the reference for a metric."""
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |"


def series() -> set[str]:
    """The names that a query may ask for."""
    declared = [metric for metrics in SECTIONS.values() for metric in metrics]
    suffixes = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
    return {one.name + suffix for one in declared for suffix in suffixes.get(one.kind, ("",))}


def metrics_in(query: str) -> set[str]:
    """The metrics of cube or of its processes that a query asks for."""
    return set(re.findall(r"\b(?:cube|process)_[a-z0-9_]+", query))


def labels_in(query: str) -> set[str]:
    """The labels that a query looks at within braces."""
    braces = re.findall(r"\{([^}]*)\}", query)
    return {label for brace in braces for label in re.findall(r"(\w+)\s*[=!]", brace)}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "cube.rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((MONITORING / "cube-dashboard.json").read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries() -> Iterator[str]:
    """Every query of the alerts and of the dashboard."""
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


@pytest.mark.parametrize("section", SECTIONS)
def test_the_reference_tells_of_every_metric_as_the_code_does(section: str) -> None:
    chapter = REFERENCE.read_text().split(f"## The {section}")[1].split("\n## ")[0]
    told = [line for line in chapter.splitlines() if line.startswith("| `")]

    assert told == [row(metric) for metric in SECTIONS[section]]


@pytest.mark.parametrize("declared", [MANAGER_METRICS, WORKER_METRICS], ids=["manager", "worker"])
def test_names_say_what_they_count(declared: Iterable[Declared]) -> None:
    units = ("_seconds", "_bytes", "_cores", "_info")
    for metric in declared:
        assert metric.name.startswith("cube_")
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER), metric.name
        assert metric.kind is not Kind.HISTOGRAM or metric.name.endswith(units), metric.name
        assert not {label for label in metric.labels if label == "id" or label.endswith("_id")}


def test_alerts_and_dashboard_ask_for_metrics_that_exist() -> None:
    asked = set().union(*(metrics_in(query) for query in queries()))

    assert asked - series() == set()


def test_alerts_and_dashboard_look_at_labels_that_exist() -> None:
    declared = {label for metrics in SECTIONS.values() for one in metrics for label in one.labels}
    asked = set().union(*(labels_in(query) for query in queries()))

    assert asked - declared - {"job", "le"} == set()


def test_every_alert_says_how_bad_it_is_and_what_it_is_about() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("info", "warning", "critical"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]


def test_every_alert_has_a_test_that_raises_it_and_one_that_does_not() -> None:
    tests = yaml.safe_load((MONITORING / "cube.rules.test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    raised = {case["alertname"] for case in cases if case["exp_alerts"]}
    quiet = {case["alertname"] for case in cases if not case["exp_alerts"]}

    assert raised == quiet == {rule["alert"] for rule in rules()}
