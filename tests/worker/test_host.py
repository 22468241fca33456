"""What a worker says of its machine."""

from __future__ import annotations

from pathlib import Path

from cube.model.resources import Resources
from cube.runtime.contract import EngineFacts
from cube.settings import WorkerSettings
from cube.worker import host

ENGINE = EngineFacts(version="20.10", platform="linux/arm64", capacity=Resources(8000, 1 << 34))


def test_the_engine_knows_its_machine_best(tmp_path: Path) -> None:
    facts = host.facts(WorkerSettings(data=tmp_path, name="w1"), ENGINE, "10.0.0.1")
    assert (facts.name, facts.platform, facts.engine_version) == ("w1", "linux/arm64", "20.10")
    assert facts.capacity.cpu_millis == 8000
    assert facts.capacity.disk_bytes > 0
    assert facts.address == "10.0.0.1"


def test_without_the_engine_the_machine_is_asked(tmp_path: Path) -> None:
    facts = host.facts(WorkerSettings(data=tmp_path), None, "")
    assert facts.name
    assert facts.platform.startswith("linux/")
    assert facts.capacity.cpu_millis >= 1000
    assert facts.capacity.memory_bytes > 0


def test_settings_limit_what_is_handed_out(tmp_path: Path) -> None:
    settings = WorkerSettings(data=tmp_path, cpu_millis=500, memory_bytes=1 << 20)
    capacity = host.facts(settings, ENGINE, "").capacity
    assert (capacity.cpu_millis, capacity.memory_bytes) == (500, 1 << 20)


def test_statistics_have_the_shape_of_the_ancestors(tmp_path: Path) -> None:
    stats = host.stats(tmp_path, 3)
    assert set(stats) == {"MemStats", "DiskStats", "CpuStats", "LoadStats", "TaskCount"}
    assert stats["TaskCount"] == 3
    assert 0 < stats["MemStats"]["mem_available"] <= stats["MemStats"]["mem_total"]
    assert stats["DiskStats"]["all"] >= stats["DiskStats"]["used"]
    assert stats["CpuStats"]["user"] > 0
    assert stats["LoadStats"]["process_total"] > 0


def test_use_is_read_without_waiting(tmp_path: Path) -> None:
    use = host.Gauge(tmp_path).read()
    assert use.memory_bytes > 0
    assert use.disk_bytes > 0
