"""The values behind the metrics, as plain dictionaries: what is added up by the block must not cost a call per value.

Knows no fact and no Prometheus. Not safe for threads: `metrics.py` holds a lock.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

from pipeline.telemetry.definitions import METRICS, Kind, Metric

Labels = tuple[str, ...]


class Histogram:
    """How many values fell into each bucket, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value; a bound belongs to the bucket below it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[int]:
        """For each bound, and at last for all: how many values were not above it."""
        return list(accumulate(self._counts))


class Series:
    """For each metric its values by labels. What has no labels begins at zero."""

    def __init__(self) -> None:
        self.values: dict[str, dict[Labels, float]] = {
            metric.name: {(): 0.0} if metric.kind is Kind.COUNTER and not metric.labels else {}
            for metric in METRICS
            if metric.kind is not Kind.HISTOGRAM
        }
        self.histograms: dict[str, dict[Labels, Histogram]] = {
            metric.name: {} if metric.labels else {(): Histogram(metric.buckets)}
            for metric in METRICS
            if metric.kind is Kind.HISTOGRAM
        }

    def begin(self, metric: Metric, *labels: str) -> None:
        """Show a series at zero from now on, if it is not shown yet."""
        if metric.kind is Kind.HISTOGRAM:
            self.histograms[metric.name].setdefault(labels, Histogram(metric.buckets))
        else:
            self.values[metric.name].setdefault(labels, 0.0)

    def count(self, metric: Metric, labels: Labels, by: float = 1) -> None:
        """Add to a counter."""
        series = self.values[metric.name]
        series[labels] = series.get(labels, 0.0) + by

    def reach(self, metric: Metric, labels: Labels, total: float) -> None:
        """Bring a counter to a total; it never goes back."""
        series = self.values[metric.name]
        series[labels] = max(series.get(labels, 0.0), total)

    def replace(self, metric: Metric, values: Mapping[Labels, float]) -> None:
        """Exchange all series of a gauge."""
        self.values[metric.name] = dict(values)

    def observe(self, metric: Metric, value: float, labels: Labels = ()) -> None:
        """Count a value in a histogram that is shown already."""
        self.histograms[metric.name][labels].add(value)
