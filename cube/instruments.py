"""What a daemon measures: each metric declared once, with its meaning, and written in Prometheus' text format.

A metric is either counted where something happens (`counter`, `histogram`), or read at the moment of a scrape. The
declarations are what docs/reference/metrics.md is held to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate

import msgspec
from prometheus_client import CollectorRegistry, Counter, disable_created_metrics
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

# When each series began would double their number, and no rule of ours asks.
disable_created_metrics()  # type: ignore[no-untyped-call]

Readings = Mapping[str, Mapping[tuple[str, ...], float]]
"""By the name of a metric and the values of its labels, in their order."""


class Kind(StrEnum):
    """What a metric can do: only grow, go anywhere, or count by size."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Declared(msgspec.Struct, frozen=True):
    """One metric. `read`: its value is read at a scrape, as that of every gauge."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    read: bool = False


def gauge(name: str, meaning: str, *labels: str) -> Declared:
    """Return the declaration of what goes up and down."""
    return Declared(name, Kind.GAUGE, meaning, labels, read=True)


def counter(name: str, meaning: str, *labels: str, read: bool = False) -> Declared:
    """Return the declaration of what only grows; `name` ends with `_total`."""
    return Declared(name, Kind.COUNTER, meaning, labels, read=read)


def histogram(name: str, meaning: str, *labels: str, buckets: tuple[float, ...]) -> Declared:
    """Return the declaration of what is counted by size; `buckets` are upper bounds."""
    return Declared(name, Kind.HISTOGRAM, meaning, labels, buckets)


PROCESS = (
    gauge("process_virtual_memory_bytes", "virtual memory of the process"),
    gauge("process_resident_memory_bytes", "memory of the process that is in RAM"),
    gauge("process_start_time_seconds", "when the process was started, in seconds since 1970"),
    counter("process_cpu_seconds_total", "processor time of the process, user and system"),
    gauge("process_open_fds", "open files of the process, each connection is one"),
    gauge("process_max_fds", "how many files it may open"),
)
"""What the library tells of every process on Linux."""


class Sizes:
    """How many were how large: one series of a histogram."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, size: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, size)] += 1
        self._sum += size

    def add_to(self, family: HistogramMetricFamily, labels: tuple[str, ...]) -> None:
        """Write the series."""
        names = [*map(str, self._bounds), "+Inf"]
        family.add_metric(
            labels, list(zip(names, accumulate(self._counts), strict=True)), self._sum
        )


class Histogram:
    """What is counted by size, by one thread.

    The library's own takes several locks for each; here every start of a replica is measured seven times.
    """

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._series: dict[tuple[str, ...], Sizes] = {}
        if not declared.labels:
            self.labels()

    def labels(self, *values: str) -> Sizes:
        """Return the series of these labels; it is shown from now on."""
        sizes = self._series.get(values)
        if sizes is None:
            sizes = self._series[values] = Sizes(self._declared.buckets)
        return sizes

    def collect(self) -> Metric:
        """Return all series. From any thread."""
        one = self._declared
        family = HistogramMetricFamily(one.name, one.meaning, labels=one.labels)
        for labels, sizes in list(self._series.items()):
            sizes.add_to(family, labels)
        return family


class Instruments:
    """The metrics of one daemon, in a registry of their own."""

    def __init__(self, declared: Sequence[Declared]) -> None:
        self._registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        for one in declared:
            if one.kind is Kind.HISTOGRAM:
                self._histograms[one.name] = Histogram(one)
            elif not one.read:
                self._counters[one.name] = Counter(
                    one.name, one.meaning, one.labels, registry=self._registry
                )
        self._read = _Read(self._histograms.values(), [one for one in declared if one.read])
        self._registry.register(self._read)
        ProcessCollector(registry=self._registry)

    def counter(self, name: str) -> Counter:
        """Return what counts under this name."""
        return self._counters[name]

    def histogram(self, name: str) -> Histogram:
        """Return what measures under this name."""
        return self._histograms[name]

    def render(self, readings: Readings) -> bytes:
        """Return everything as text. Some microseconds per series: from a thread where there are many."""
        self._read.readings = readings
        return generate_latest(self._registry)


class _Read(Collector):
    """Gives the registry the histograms, and what was read last."""

    def __init__(self, histograms: Iterable[Histogram], declared: Iterable[Declared]) -> None:
        self._histograms = tuple(histograms)
        self._declared = tuple(declared)
        self.readings: Readings = {}

    def collect(self) -> Iterator[Metric]:
        for histogram in self._histograms:
            yield histogram.collect()
        for one in self._declared:
            make = CounterMetricFamily if one.kind is Kind.COUNTER else GaugeMetricFamily
            family = make(one.name, one.meaning, labels=one.labels)
            for labels, value in self.readings.get(one.name, {}).items():
                family.add_metric(labels, value)
            yield family
