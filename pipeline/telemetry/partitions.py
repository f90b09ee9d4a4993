"""The facts of this worker's partitions, one method each: where they stand, how far behind, and since when."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from msgspec import Struct

from pipeline.telemetry import definitions as the
from pipeline.telemetry.series import Labels, Series


class PartitionView(Struct, frozen=True, kw_only=True):
    """One partition as it stands; None where nobody knows. Times in epoch ms, `clock` -1 before the first record.

    `position` is the next offset to read, of a partition that is being rebuilt its commit; `end_told_at` says when its
    end was told, `assigned_at` when this worker was given its partitions. `stamp` is the Kafka time stamp of the last
    record read since.
    """

    partition: int
    assigned_at: int
    position: int | None
    end: int | None
    end_told_at: int = 0
    stamp: int | None = None
    clock: int = -1
    replay_offset: int | None = None

    @property
    def behind(self) -> int | None:
        """Offsets up to the end of the log; an end that is older than the position says nothing more."""
        return None if self.position is None or self.end is None else max(self.end - self.position, 0)


class PartitionMetrics:
    """Tells `series` under its lock. `now`: seconds since 1970."""

    def __init__(self, series: Series, lock: AbstractContextManager[object], now: Callable[[], float]) -> None:
        self._series = series
        self._lock = lock
        self._now = now
        self._at_end: dict[int, tuple[int, int]] = {}  # the end up to which a partition was read, and when it was told
        self._since: dict[Labels, int] = {}  # epoch ms: since when there may be more to read

    def seen(self, live: Sequence[PartitionView], rebuilding: Sequence[PartitionView]) -> None:
        """Where all of them stand."""
        all_of_them = (*live, *rebuilding)
        label: dict[int, Labels] = {one.partition: (str(one.partition),) for one in all_of_them}
        behind = {label[one.partition]: float(one.behind) for one in all_of_them if one.behind is not None}
        with self._lock:
            self._at_end |= {
                one.partition: (one.end, one.end_told_at)
                for one in all_of_them
                if one.end is not None and one.behind == 0
            }
            self._since = {label[one.partition]: self._behind_since(one) for one in all_of_them if one.behind != 0}
            replace = self._series.replace
            replace(the.PARTITIONS, {("live",): len(live), ("rebuilding",): len(rebuilding)})
            replace(the.LAG_RECORDS, behind)
            replace(the.LAG_SECONDS, {at: 0.0 for at, records in behind.items() if not records})
            replace(the.CLOCK, {label[one.partition]: one.clock / 1000 for one in live if one.clock >= 0})
            replace(
                the.REPLAY_RECORDS,
                {
                    label[one.partition]: one.position - one.replay_offset
                    for one in live
                    if one.position is not None and one.replay_offset is not None
                },
            )

    def _behind_since(self, one: PartitionView) -> int:
        """All that is unread came after the last record read, and after the end that was reached was told."""
        read_at = one.assigned_at if one.stamp is None else one.stamp
        end, told_at = self._at_end.get(one.partition, (0, 0))
        is_beyond = one.position is not None and one.position >= end  # else it is read again from before that end
        return max(read_at, told_at) if is_beyond else read_at

    def lag_seconds(self) -> dict[Labels, float]:
        """By now, of partitions that are not known to be read to their end; to be called under the lock."""
        now = self._now()
        return {at: max(now - since / 1000, 0.0) for at, since in self._since.items()}

    def rebuilt(self, seconds: float) -> None:
        """A partition was rebuilt."""
        with self._lock:
            self._series.observe(the.REBUILD_SECONDS, seconds)

    def gaps_counted(self, records: int) -> None:
        """Offsets lost to retention so far."""
        with self._lock:
            self._series.reach(the.DATA_GAP, (), records)
