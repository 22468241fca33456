"""What is followed has no gap and no repeat, whoever restarts meanwhile; what goes into a pipe is data."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.processes import SERVE, Cluster, Output, docker, eventually, ready_cluster

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# Counts, and obeys SIGTERM at once.
COUNT = ("sh", "-c", "trap 'exit 0' TERM; n=0; while :; do echo $((n=n+1)); sleep 0.2 & wait; done")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ready_cluster(tmp_path_factory.mktemp("streams"), "w1", "w2") as cluster:
        yield cluster


def runs(lines: list[str], slot: str) -> list[list[int]]:
    """What a counting slot wrote, one list for each run: each begins with 1."""
    found: list[list[int]] = []
    for number in [int(line.split(" | ")[1]) for line in lines if line.startswith(f"{slot} | ")]:
        if number == 1:
            found.append([])
        found[-1].append(number)
    return found


def test_logs_are_followed_over_a_restart_in_place_and_a_restart_of_the_manager(
    cluster: Cluster,
) -> None:
    done = cluster.cube("run", "busybox", "--name", "count", "--replicas", "3", *COUNT)
    assert done.returncode == 0, done.stderr

    with cluster.following("logs", "-f", "count") as log:

        def whole(slot: int, length: int) -> bool:
            return bool(found := runs(log.lines(), f"count.{slot}")) and len(found[-1]) >= length

        eventually(lambda: [whole(slot, 5) for slot in (1, 2, 3)], all, 15)
        (container,) = [
            a.container_id or "" for a in cluster.client.task("count").allocations if a.slot == 2
        ]
        docker("kill", container)
        eventually(lambda: len(runs(log.lines(), "count.2")) == 2 and whole(2, 5), bool, 15)
        cluster.stop("manager")
        cluster.start_manager()
        before = len(log.lines())
        eventually(lambda: len(log.lines()) > before + 30, bool, 15)
        assert cluster.cube("stop", "count").returncode == 0
        assert log.wait(15) == 0, log.complaints()

        counted = {slot: runs(log.lines(), f"count.{slot}") for slot in (1, 2, 3)}
        assert {slot: len(found) for slot, found in counted.items()} == {1: 1, 2: 2, 3: 1}
        for found in counted.values():
            for run in found:  # each line once, none left out
                assert run == list(range(1, len(run) + 1))
        assert all(re.fullmatch(r"count\.[123] \| \d+", line) for line in log.lines())


def counted(lines: list[str]) -> dict[tuple[str, int, int], list[int]]:
    """What each run of each allocation wrote, of a log in JSON. Warnings are left out."""
    found: dict[tuple[str, int, int], list[int]] = {}
    for record in map(json.loads, lines):
        if "warning" not in record:
            run = record["name"], record.get("generation", 1), record.get("restart", 0)
            found.setdefault(run, []).append(int(record["text"]))
    return found


def told(lines: list[str], name: str) -> int:
    """How many lines of a slot have come, of all its runs."""
    return sum(len(numbers) for run, numbers in counted(lines).items() if run[0] == name)


def test_every_number_comes_once_whichever_process_restarts_meanwhile(cluster: Cluster) -> None:
    done = cluster.cube("run", "-q", "busybox", "--name", "tally", "--replicas", "2", *COUNT)
    assert done.returncode == 0, done.stderr
    with cluster.following("logs", "-f", "-o", "json", "tally") as log:

        def goes_on() -> None:
            before = [told(log.lines(), f"tally.{slot}") for slot in (1, 2)]
            eventually(
                lambda: [told(log.lines(), f"tally.{slot}") for slot in (1, 2)],
                lambda now: all(a > b + 5 for a, b in zip(now, before, strict=True)),
                25,
            )

        goes_on()
        for name in ("w1", "w2"):
            cluster.stop(name)
            cluster.start_worker(name)
        goes_on()
        cluster.kill("w1")
        cluster.kill("w2")
        for name in ("w1", "w2"):
            cluster.start_worker(name)
        goes_on()
        cluster.kill("manager")
        cluster.start_manager()
        goes_on()
        assert cluster.cube("stop", "-q", "tally").returncode == 0
        assert log.wait(15) == 0, log.complaints()

        runs = counted(log.lines())
        assert {name for name, _, _ in runs} == {"tally.1", "tally.2"}
        for numbers in runs.values():
            assert numbers == list(range(1, len(numbers) + 1))
        assert "task tally has ended: 2 removed (stopped by the user)" in log.complaints()


def test_the_lines_of_several_nodes_come_in_the_order_of_time(cluster: Cluster) -> None:
    talk = ("sh", "-c", "for n in 1 2 3 4 5 6; do echo $n; echo $n >&2; sleep 0.05; done")
    done = cluster.cube(
        "run", "-q", "busybox", "--name", "talk", "--replicas", "4", "--strategy", "spread", *talk
    )
    assert done.returncode == 0, done.stderr
    eventually(
        lambda: cluster.client.task("talk").state.value, lambda state: state == "completed", 15
    )
    records = [
        json.loads(line) for line in cluster.cube("logs", "-o", "json", "talk").stdout.splitlines()
    ]
    times = [record["at_ns"] for record in records]

    assert len(records) == 4 * 12
    # The engine itself writes the two streams of a container down in the wrong order by some microseconds.
    assert all(
        at >= latest - 10_000_000 for at, latest in zip(times, accumulate(times, max), strict=True)
    )
    tail = cluster.cube("logs", "--stderr", "-n", "2", "--no-prefix", "talk").stdout.split()
    assert sorted(tail) == ["5"] * 4 + ["6"] * 4
    assert cluster.cube("stop", "-q", "talk").returncode == 0


def test_a_log_that_is_cut_off_by_its_reader_ends_in_silence(cluster: Cluster) -> None:
    command = ("sh", "-c", "yes x | head -n 20000; sleep 600")
    done = cluster.cube("run", "-q", "busybox", "--name", "long", "--stop-timeout", "0s", *command)
    assert done.returncode == 0, done.stderr
    for flags in ("", "-f"):
        words = f"set -o pipefail; {sys.executable} -m cube logs {flags} long | head -n 1"
        cut = cluster.shell(words)
        assert (cut.stdout, cut.stderr, cut.returncode) == ("long.1 | x\n", "", 0)
    assert cluster.cube("stop", "-q", "long").returncode == 0


def revisions(lines: list[str]) -> list[int]:
    return [json.loads(line)["revision"] for line in lines]


def recorded(cluster: Cluster, after: int) -> list[int]:
    """What the manager has recorded since, page after page."""
    found: list[int] = []
    while page := cluster.client.events(after=found[-1] if found else after, limit=1000):
        found += [event.revision for event in page]
    return found


def run_and_stop(cluster: Cluster, name: str) -> None:
    assert cluster.cube("run", "-q", "busybox", "--name", name, *SERVE).returncode == 0
    assert cluster.cube("stop", "-q", name).returncode == 0


def test_events_are_followed_over_the_death_of_the_manager(cluster: Cluster) -> None:
    start = cluster.client.events(limit=1)[-1].revision
    with cluster.following("events", "-f", "-n", "1", "-o", "json") as events:
        eventually(lambda: revisions(events.lines()), lambda seen: start in seen, 15)
        run_and_stop(cluster, "before")
        cluster.kill("manager")
        cluster.start_manager()
        eventually(cluster.nodes_ready, lambda names: names == ["w1", "w2"], 15)
        run_and_stop(cluster, "after")

        expected = [start, *recorded(cluster, start)]
        seen = eventually(
            lambda: revisions(events.lines()), lambda seen: seen[-1] >= expected[-1], 15
        )
    assert seen[: len(expected)] == expected
    assert len(seen) == len(set(seen))


def sse(cluster: Cluster, file: Path, after: int) -> Output:
    """curl as a browser's EventSource would ask."""
    return Output(
        [
            "curl", "-sN", "-H", "Accept: text/event-stream", "-H", f"Last-Event-ID: {after}",
            f"http://127.0.0.1:{cluster.port}/event",
        ],
        None,
        file,
    )  # fmt: skip


def ids(output: Output) -> list[int]:
    return [int(line.removeprefix("id: ")) for line in output.lines() if line.startswith("id: ")]


def test_a_browser_resumes_after_the_last_event_it_has_seen(
    cluster: Cluster, tmp_path: Path
) -> None:
    start = cluster.client.events(limit=1)[-1].revision
    with sse(cluster, tmp_path / "first", start) as stream:
        run_and_stop(cluster, "one")
        until = cluster.client.events(limit=1)[-1].revision
        first = eventually(lambda: ids(stream), lambda seen: bool(seen) and seen[-1] >= until, 15)
        cluster.stop("manager")
        stream.wait(15)  # the manager says goodbye, and the stream ends
        first = ids(stream)
    cluster.start_manager()
    eventually(cluster.nodes_ready, lambda names: names == ["w1", "w2"], 15)
    run_and_stop(cluster, "two")
    with sse(cluster, tmp_path / "second", first[-1]) as stream:
        until = cluster.client.events(limit=1)[-1].revision
        second = eventually(lambda: ids(stream), lambda seen: bool(seen) and seen[-1] >= until, 15)
        frame = "\n".join(stream.lines()).split("\n\n")[1]

    assert first + second == recorded(cluster, start)[: len(first + second)]
    kind, data = re.fullmatch(r"id: \d+\nevent: (\S+)\ndata: (\{.*\})", frame).groups()  # type: ignore[union-attr]
    assert json.loads(data)["kind"] == kind


def test_status_in_a_pipe_is_data(cluster: Cluster) -> None:
    done = cluster.cube(
        "run", "busybox", "--name", "data", "--replicas", "2", "--memory", "32m", "--cpus", "0.05",
        "-l", "tier=back", *SERVE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = cluster.cube("status", "-o", "json", "data")
    task: dict[str, Any] = json.loads(shown.stdout)

    assert {key: task[key] for key in ("name", "state", "reason", "goal", "replicas", "ready")} == {
        "name": "data", "state": "running", "reason": "", "goal": "run", "replicas": 2, "ready": 2,
    }  # fmt: skip
    assert task["spec"] == {
        "name": "data",
        "image": "busybox",
        "replicas": 2,
        "command": list(SERVE),
        "labels": {"tier": "back"},
        "cpu_millis": 50,
        "memory_bytes": 32 * 1024 * 1024,
    }
    assert sorted((a["name"], a["phase"], a["generation"]) for a in task["allocations"]) == [
        ("data.1", "running", 1),
        ("data.2", "running", 1),
    ]
    inspected = cluster.containers("data")
    assert {a["container_id"] for a in task["allocations"]} == inspected.keys()
    assert {one["HostConfig"]["Memory"] for one in inspected.values()} == {32 * 1024 * 1024}
    assert {one["HostConfig"]["NanoCpus"] for one in inspected.values()} == {50_000_000}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", task["created_at"])

    every = json.loads(cluster.cube("status", "-o", "json", "-l", "tier=back").stdout)
    assert [one["id"] for one in every] == [task["id"]]
    assert cluster.cube("status", "-q", "data").stdout == f"{task['id']}\n"
    assert cluster.cube("stop", "data").returncode == 0


def test_status_in_a_pipe_is_not_cut(cluster: Cluster) -> None:
    constraint = "zone==a-place-that-is-far-from-here-and-has-a-name-to-match-its-distance"
    done = cluster.cube(
        "run", "-d", "busybox", "--name", "a-task-with-quite-a-long-name-for-a-task",
        "--constraint", constraint, *SERVE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = cluster.cube("status", environment={"COLUMNS": "80"})
    (row,) = [line for line in shown.stdout.splitlines() if "quite-a-long-name" in line]

    assert re.match(r"a-task-with-quite-a-long-name-for-a-task  pending +0/1 ", row)
    assert f"no node fits: 2 do not match {constraint} (w1, w2)" in row
    assert "…" not in shown.stdout
    assert "\x1b" not in shown.stdout
    assert cluster.cube("stop", "a-task-with-quite-a-long-name-for-a-task").returncode == 0
