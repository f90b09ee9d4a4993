"""The facts of the topics beside the log, one method each. Topics are named without their prefix."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from pipeline.core.events import RejectReason
from pipeline.telemetry import definitions as the
from pipeline.telemetry.series import Series


class SideMetrics:
    """Tells `series` under its lock; what tables take is told to `metrics.py`."""

    def __init__(self, series: Series, lock: AbstractContextManager[object]) -> None:
        self._series = series
        self._lock = lock

    def records_read(
        self, topic: str, records: int, *, duplicates: int, unknown_fields: int, rejected: Mapping[RejectReason, int]
    ) -> None:
        """A batch was read; some of its records are duplicates, have unknown fields, or are rejected."""
        with self._lock:
            self._series.count(the.SIDE_CONSUMED, (topic,), records)
            self._series.count(the.SIDE_DUPLICATE, (topic,), duplicates)
            self._series.count(the.SIDE_UNKNOWN_FIELDS, (topic,), unknown_fields)
            for reason, count in rejected.items():
                self._series.count(the.SIDE_REJECTED, (topic, reason.value), count)

    def row_refused(self, topic: str) -> None:
        """ClickHouse would not take the row of a record."""
        with self._lock:
            self._series.count(the.SIDE_REJECTED, (topic, RejectReason.ROW_REFUSED.value))

    def lag_seen(self, behind: Mapping[str, int]) -> None:
        """How far behind this worker's partitions are."""
        with self._lock:
            self._series.replace(the.SIDE_LAG, {(topic,): records for topic, records in behind.items()})
