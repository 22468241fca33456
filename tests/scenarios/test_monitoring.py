"""The real Prometheus and the real HAProxy, on a real cluster: what they are given they can use.

The programs are Debian's; scripts/test installs them along with the engine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cube.wire.views import TaskDetail
from tests.house.checkout import ROOT
from tests.scenarios.processes import Cluster, docker, eventually, free_port

pytestmark = [pytest.mark.docker, pytest.mark.slow]

MEMORY = "/dev/shm"  # promtool makes a database for each test of a rule, and syncs it
MONITORING = ROOT / "docs" / "monitoring"
PAGE = "mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www"
LABELS = {"prometheus.io/scrape": "true", "prometheus.io/path": "/", "haproxy.enable": "true"}


def tool(*command: str, stdin: str | None = None) -> str:
    """What a program of Debian's prints; its complaint where it refuses."""
    assert shutil.which(command[0]), f"{command[0]} is not installed; scripts/test installs it"
    answer = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"TMPDIR": MEMORY},
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


def fetch(url: str) -> tuple[int, str]:
    """Status and body of a GET; status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


@contextmanager
def running(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program for as long as the block."""
    assert shutil.which(command[0]), f"{command[0]} is not installed; scripts/test installs it"
    with log.open("wb") as sink, subprocess.Popen(command, stdout=sink, stderr=sink) as process:
        try:
            yield process
        finally:
            process.kill()


def test_every_alert_is_raised_by_what_it_is_about_and_by_nothing_else() -> None:
    tool("promtool", "check", "rules", str(MONITORING / "cube.rules.yml"))
    assert "SUCCESS" in tool("promtool", "test", "rules", str(MONITORING / "cube.rules.test.yml"))


def test_prometheus_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    dashboard = json.loads((MONITORING / "cube-dashboard.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", ())]
    rules = [
        {"record": f"query:{number}", "expr": target["expr"].replace("$__rate_interval", "5m")}
        for number, target in enumerate(targets)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))

    assert f"{len(rules)} rules found" in tool("promtool", "check", "rules", str(file))


@pytest.fixture
def worker_port() -> int:
    """Where the worker's own API is."""
    return free_port()


@pytest.fixture
def web(cluster: Cluster, worker_port: int) -> TaskDetail:
    """Two replicas of a page that says in which container it is."""
    cluster.start_manager()
    cluster.start_worker("w1", environment={"CUBE_WORKER_PORT": str(worker_port)})
    task = cluster.client.submit(
        {
            "name": "web",
            "image": "busybox:latest",
            "replicas": 2,
            "command": ["sh", "-c", PAGE],
            "ports": [{"container_port": 8080}],
            "health": {"kind": "http", "interval_ms": 500},
            "stop_signal": "SIGKILL",
            "labels": LABELS,
        }
    )
    return eventually(lambda: cluster.client.task(task.id), lambda view: view.ready == 2, 30)


def test_prometheus_finds_and_scrapes_the_cluster_and_its_tasks(
    cluster: Cluster, web: TaskDetail, worker_port: int, tmp_path: Path
) -> None:
    manager = f"127.0.0.1:{cluster.port}"
    worker = f"127.0.0.1:{worker_port}"
    texts = [fetch(f"http://{daemon}/metrics")[1] for daemon in (manager, worker)]
    for text in texts:
        tool("promtool", "check", "metrics", stdin=text)
    assert 'cube_worker_engine_call_duration_seconds_count{operation="start"} 2.0' in texts[1]
    assert "cube_worker_engine_event_streams_total 1.0" in texts[1]
    found = {"http_sd_configs": [{"url": f"http://{manager}/discovery/prometheus"}]}
    keep = [{"source_labels": ["__meta_cube_task"], "target_label": "task"}]
    config = tmp_path / "prometheus.yml"
    jobs = [
        {"job_name": "cube-manager", "static_configs": [{"targets": [manager]}]},
        {"job_name": "cube-worker", "static_configs": [{"targets": [worker]}]},
        {"job_name": "tasks", **found, "relabel_configs": keep},
    ]
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
    tool("promtool", "check", "config", str(config))
    port = free_port()

    def targets() -> dict[str, list[Any]]:
        status, body = fetch(f"http://127.0.0.1:{port}/api/v1/targets")
        active = json.loads(body)["data"]["activeTargets"] if status == 200 else []
        return {
            job: [one for one in active if one["scrapePool"] == job]
            for job in ("cube-manager", "cube-worker", "tasks")
        }

    def scraped(found: dict[str, list[Any]]) -> bool:
        daemons = [*found["cube-manager"], *found["cube-worker"]]
        return [one["health"] for one in daemons] == ["up", "up"] and len(found["tasks"]) == 2

    listen = ("--web.listen-address", f"127.0.0.1:{port}")
    storage = ("--storage.tsdb.path", str(tmp_path / "tsdb"))
    command = ("prometheus", "--config.file", str(config), *listen, *storage)
    with running(*command, log=tmp_path / "prometheus.log"):
        seen = eventually(targets, scraped, 20)

    assert {one["labels"]["task"] for one in seen["tasks"]} == {"web"}
    bound = {f"127.0.0.1:{one.ports[0].host_port}" for one in web.allocations}
    assert {one["labels"]["instance"] for one in seen["tasks"]} == bound


def test_a_client_of_haproxy_sees_nothing_of_a_replica_that_dies(
    cluster: Cluster, web: TaskDetail, tmp_path: Path
) -> None:
    discovery, port = f"http://127.0.0.1:{cluster.port}/discovery/haproxy", free_port()
    front, backends = tmp_path / "front.cfg", tmp_path / "cube.cfg"
    front.write_text(
        "defaults\n mode http\n timeout connect 500\n timeout client 5s\n timeout server 5s\n"
        f"frontend web\n bind 127.0.0.1:{port}\n default_backend cube_web\n"
    )
    before = fetch(discovery)[1]
    backends.write_text(before)
    files = ("-f", str(front), "-f", str(backends))
    tool("haproxy", "-c", *files)

    def ask() -> tuple[int, str]:
        return fetch(f"http://127.0.0.1:{port}/")

    with running("haproxy", "-db", *files, log=tmp_path / "haproxy.log"):
        eventually(ask, lambda answer: answer[0] == 200, 10)
        pages = {ask()[1] for _ in range(8)}
        assert len(pages) == 2  # both are asked in turn

        victim = web.allocations[0].container_id
        assert victim is not None
        docker("kill", victim)
        after_death = [ask()[0] for _ in range(40)]

    assert set(after_death) == {200}

    def told_again(text: str) -> bool:
        servers = re.findall(r"server web\.\d 127\.0\.0\.1:\d+", text)
        return len(servers) == 2 and text != before

    after = eventually(lambda: fetch(discovery)[1], told_again, 30)
    backends.write_text(after)
    tool("haproxy", "-c", *files)
