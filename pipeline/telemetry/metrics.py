"""The facts that metrics tell, one method each, and their page for Prometheus.

The only place that knows prometheus_client, which counts one value at a time: so values are added up by the block in
`series.py` and handed over when somebody asks. Facts and questions may come from several threads.
"""

import platform
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import product
from typing import Final

from msgspec import Struct
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from pipeline.core.catalog import ANY, Catalog, TouchPoint
from pipeline.core.events import Outcome, RejectReason
from pipeline.core.scored import ScoredInteraction
from pipeline.core.tally import Tally
from pipeline.telemetry import definitions as the
from pipeline.telemetry.customers import LargestShare
from pipeline.telemetry.definitions import Kind, Metric
from pipeline.telemetry.known import (
    MISS_CAUSES,
    MISS_KINDS,
    OTHER,
    RECORD_REASONS,
    RETRY_REASONS,
    SIDE_TOPICS,
    TABLES,
    UNREACHABLE,
    our_version,
    owner_of_each_line,
)
from pipeline.telemetry.partitions import PartitionMetrics
from pipeline.telemetry.series import Histogram, Labels, Series
from pipeline.telemetry.side import SideMetrics

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
MAX_TOUCH_POINTS: Final = 200  # patterns in the catalog fit endless names: all further ones are counted together
OPEN_GAUGES: Final = (the.INTERACTIONS_OPEN, the.OLDEST_OPEN, the.OPEN_SCORED, the.OPEN_POINTS)
ERROR_NAME: Final = re.compile(r"\((\w+)\)$")


class OpenView(Struct, frozen=True, kw_only=True):
    """The open interactions of one shard at one touch-point; `scored` of them have a score, `points` in sum."""

    touch_point: TouchPoint
    count: int
    oldest_seconds: float
    scored: int
    points: float


class _Place(Struct):
    """Where the interactions that end at one touch-point are counted.

    `lost`: points by model and ledger line; `lost_under`: the same by the fingerprint of a model's version.
    """

    label: Labels
    score: Histogram
    coverage: Histogram
    lost: dict[str, dict[str, float]]
    lost_under: dict[str, dict[str, float]]


class Metrics(Collector):
    """What one worker has to tell. Each instance has a registry of its own. `placeholders`: ids of no customer."""

    def __init__(
        self, catalog: Catalog, *, placeholders: Collection[str] = (), now: Callable[[], float] = time.time
    ) -> None:
        self._catalog = catalog
        self._now = now
        self._lock = threading.Lock()
        self._series = Series()
        self.side = SideMetrics(self._series, self._lock)
        self.partitions = PartitionMetrics(self._series, self._lock, now)
        self._largest = LargestShare(placeholders)
        self._places: dict[str, _Place] = {}
        self._durable_at = time.monotonic()
        self._begin_at_zero(catalog)
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    # ---- facts: records and interactions ----

    def records_counted(self, tally: Tally) -> None:
        """What became of all records so far: consumed = applied + duplicates + rejected.

        A record that is rejected after all moves to another count; a counter then stands until it is reached again.
        """
        reach = self._series.reach
        with self._lock:
            reach(the.RECORDS_CONSUMED, (), tally.consumed)
            reach(the.RECORDS_APPLIED, (), tally.applied)
            reach(the.RECORDS_DUPLICATE, (), tally.duplicates)
            reach(the.UNKNOWN_FIELDS, (), tally.unknown_fields)
            for reason, count in tally.rejected.items():
                reach(the.RECORDS_REJECTED, (reason.value,), count)
            for miss, count in tally.misses().items():
                reach(the.JOIN_MISSES, miss, count)

    def interactions_ended(self, rows: Iterable[ScoredInteraction]) -> None:
        """These interactions have ended or timed out: the rows that say so first are committed."""
        ended: Counter[tuple[str, str]] = Counter()
        with self._lock:
            for row in rows:
                if row.attributes.synthetic:
                    continue
                self._largest.add(row.attributes.customer)
                touch_point, score = row.touch_point, row.score
                ended[touch_point.channel.name, row.passage.outcome or OTHER] += 1
                place = self._admit(touch_point)
                place.coverage.add(score.coverage)
                if score.score is None:
                    self._series.count(the.UNSCORED, place.label)
                    continue
                place.score.add(score.score)
                lost = place.lost_under[touch_point.model.fingerprint]
                for element, points in score.points_lost.items():
                    if points:
                        lost[element] += points
            for (channel, outcome), count in ended.items():
                self._series.count(the.INTERACTIONS_ENDED, (channel, str(outcome)), count)

    def open_counted(self, found: Iterable[OpenView]) -> None:
        """Who is open, of each shard and touch-point."""
        with self._lock:
            nobody: dict[Labels, float] = dict.fromkeys(self._series.values[the.INTERACTIONS_OPEN.name], 0.0)
            counts, ages, scored, points = (nobody.copy() for _ in OPEN_GAUGES)
            for here in found:
                label = self._admit(here.touch_point).label
                counts[label] = counts.get(label, 0.0) + here.count
                ages[label] = max(ages.get(label, 0.0), here.oldest_seconds)
                scored[label] = scored.get(label, 0.0) + here.scored
                points[label] = points.get(label, 0.0) + here.points
            for metric, values in zip(OPEN_GAUGES, (counts, ages, scored, points), strict=True):
                self._series.replace(metric, values)

    # ---- facts: the way into ClickHouse ----

    def rows_inserted(self, table: str, rows: int, seconds: float) -> None:
        """A table has taken its rows of a block."""
        with self._lock:
            self._series.count(the.INSERTED_ROWS, (table,), rows)
            if table in SIDE_TOPICS:
                self._series.observe(the.SIDE_INSERT_SECONDS, seconds, (table,))

    def block_inserted(self, seconds: float, refused_rows: int) -> None:
        """A block of the log is durable, but for rows that ClickHouse would not take."""
        with self._lock:
            self._series.observe(the.INSERT_SECONDS, seconds)
            self._series.count(the.REFUSED_ROWS, (), refused_rows)

    def insert_retried(self, label: str) -> None:
        """ClickHouse could not take a block; the label of its answer names an error in brackets, if it did answer."""
        named = ERROR_NAME.search(label)
        reason = named[1].lower() if named else UNREACHABLE
        with self._lock:
            self._series.count(the.INSERT_RETRIES, (reason if reason in RETRY_REASONS else OTHER,))

    def all_durable(self) -> None:
        """A commit succeeded, or there is nothing to commit."""
        self._durable_at = time.monotonic()

    def commit_refused(self) -> None:
        """The group has moved on: what was just written is read again by others."""
        with self._lock:
            self._series.count(the.COMMITS_REFUSED, ())

    # ---- the page ----

    def page(self) -> bytes:
        """All metrics in Prometheus' text format, CONTENT_TYPE."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Family]:
        """For the registry: every metric with its series."""
        with self._lock:
            values = {name: series.copy() for name, series in self._series.values.items()}
            histograms = {
                name: {labels: (one.cumulative(), one.total) for labels, one in series.items()}
                for name, series in self._series.histograms.items()
            }
            values[the.POINTS_LOST.name] = {
                (*place.label, model, element): points
                for place in self._places.values()
                for model, lost in place.lost.items()
                for element, points in lost.items()
            }
            values[the.LARGEST_CUSTOMER.name][()] = self._largest.share()
            values[the.LAG_SECONDS.name] |= self.partitions.lag_seconds()
            durable_at = self._durable_at
        values[the.COMMIT_AGE.name][()] = time.monotonic() - durable_at
        now = self._now()
        owners = owner_of_each_line(self._catalog, int(now * 1000))  # a model becomes valid while the worker runs
        values[the.ELEMENT_OWNER.name] = {(*line, owner): 1.0 for line, owner in owners.items()}
        for metric in the.METRICS:
            if metric.kind is Kind.HISTOGRAM:
                bounds = [*map(floatToGoString, metric.buckets), "+Inf"]
                histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
                for labels, (counts, total) in histograms[metric.name].items():
                    histogram.add_metric(labels, list(zip(bounds, counts, strict=True)), total)
                yield histogram
                continue
            kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
            family = kind(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in values[metric.name].items():
                family.add_metric(labels, value)
            yield family

    # ---- series ----

    def _admit(self, touch_point: TouchPoint) -> _Place:
        """Where a touch-point is counted; its series begin at zero when it is first seen."""
        name = touch_point.name
        place = self._places.get(name)
        if place is None:
            name = name if len(self._places) < MAX_TOUCH_POINTS else OTHER
            place = self._places.get(name) or self._open_place(name)
        model = touch_point.model
        if model.fingerprint not in place.lost_under:
            lost = place.lost_under[model.fingerprint] = place.lost.setdefault(model.name, {})
            for line in model.owners:
                lost.setdefault(line, 0.0)
        return place

    def _open_place(self, name: str) -> _Place:
        series = self._series
        for metric in (the.SCORE, the.COVERAGE, the.UNSCORED, *OPEN_GAUGES):
            series.begin(metric, name)
        label = (name,)
        score, coverage = (series.histograms[metric.name][label] for metric in (the.SCORE, the.COVERAGE))
        place = _Place(label, score, coverage, {}, {})
        self._places[name] = place
        return place

    def _begin_at_zero(self, catalog: Catalog) -> None:
        """All series that are known beforehand, so that a first increase is seen as one."""
        known: list[tuple[Metric, list[Iterable[str]]]] = [
            (the.RECORDS_REJECTED, [RECORD_REASONS]),
            (the.INTERACTIONS_ENDED, [{entry.channel.name for entry in catalog.channels}, Outcome]),
            (the.JOIN_MISSES, [MISS_KINDS, MISS_CAUSES]),
            (the.INSERT_RETRIES, [RETRY_REASONS]),
            (the.INSERTED_ROWS, [TABLES]),
            (the.PARTITIONS, [("live", "rebuilding")]),
            (the.SIDE_CONSUMED, [SIDE_TOPICS]),
            (the.SIDE_DUPLICATE, [SIDE_TOPICS]),
            (the.SIDE_UNKNOWN_FIELDS, [SIDE_TOPICS]),
            (the.SIDE_INSERT_SECONDS, [SIDE_TOPICS]),
            (the.SIDE_LAG, [SIDE_TOPICS]),
            (the.SIDE_REJECTED, [SIDE_TOPICS, RejectReason]),
        ]
        for metric, choices in known:
            for labels in product(*choices):
                self._series.begin(metric, *map(str, labels))
        self._series.replace(the.BUILD_INFO, {(our_version(), platform.python_version()): 1.0})
        clock = int(self._now() * 1000)
        for entry in catalog.entries:
            touch_point = None if ANY in entry.pattern.split("/") else catalog.resolve(entry.pattern, clock)
            if touch_point is not None:
                self._admit(touch_point)
