"""The conditions topic, read whole by every worker: what shards take their conditions from.

Undecodable records are left to the service that fills the tables (`side_tables.py`); here they are passed over.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Final

from pipeline.core.catalog import Catalog
from pipeline.core.conditions import LONGEST_TOLERANCE, ConditionRecord
from pipeline.core.record import Reject
from pipeline.core.shard import Shard
from pipeline.settings import Settings
from pipeline.stream.decode import Record
from pipeline.stream.decode_side import condition_record, decode_side
from pipeline.stream.kafka_client import LogReader

PARTITION: Final = 0
PRUNE_EVERY: Final = 100_000
NOTHING: Final = -(1 << 62)  # no moment lies before it


class ConditionFeed:
    """All condition records in offset order. `records` is shared with the shards, which only read it."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self.records: list[ConditionRecord] = []
        self._reader = LogReader(settings.kafka_address(), f"{settings.topic_prefix}.conditions")
        self._max_record_bytes = settings.max_record_bytes
        self._max_ahead_ms = int(settings.max_ahead_seconds * 1000)
        self._reach = 2 * catalog.horizon() + LONGEST_TOLERANCE
        self._position = 0
        self._expected = 0  # the next offset if none is missing
        self._whole_since = 0  # the stamp behind the last hole in the offsets: compaction leaves some, transactions do
        self._prune_at = PRUNE_EVERY
        self._forgotten_before = NOTHING
        self._reading = asyncio.Lock()

    async def start(self) -> None:
        """Read the topic to its end: live work begins only after that."""
        await self._reader.__aenter__()
        self._position = (await self._reader.bounds({PARTITION}))[PARTITION][0]
        await self.catch_up()

    async def stop(self) -> None:
        """Disconnect."""
        await self._reader.__aexit__()

    async def catch_up(self) -> None:
        """Read what was appended up to now, so that no record of the log is folded before its conditions."""
        async with self._reading:
            end = await self._reader.end(PARTITION)
            if end <= self._position:
                return
            async for batch in self._reader.read(PARTITION, self._position, end):
                self._notice_holes(batch)
                self.records += self._decoded(batch)
                self._position = batch[-1].offset + 1  # whoever waits for this may be cancelled at the next batch
            self._position = end

    async def reach_back(self, clock: int, shards: Callable[[], Iterable[Shard]]) -> None:
        """Read again what was forgotten, should a shard whose clock stands there need it; `shards` as in `prune`."""
        if clock - self._reach >= self._forgotten_before:
            return
        async with self._reading:
            first = (await self._reader.bounds({PARTITION}))[PARTITION][0]
            records: list[ConditionRecord] = []
            async for batch in self._reader.read(PARTITION, first, self._position):
                records += self._decoded(batch)
            for shard in shards():
                taken = self.records[shard.fed - 1].offset if shard.fed else -1
                shard.fed = bisect_right(records, taken, key=attrgetter("offset"))
            self.records[:] = records
            self._forgotten_before = NOTHING
            self._prune_at = len(records) + PRUNE_EVERY

    def _decoded(self, batch: Iterable[Record]) -> Iterator[ConditionRecord]:
        for record in batch:
            decoded = decode_side(record, "conditions", self._max_record_bytes, self._max_ahead_ms)
            if not isinstance(decoded, Reject):
                yield condition_record(decoded, record.offset, record.timestamp)

    def _notice_holes(self, batch: Iterable[Record]) -> None:
        for record in batch:
            if record.offset != self._expected:
                self._whole_since = record.timestamp
            self._expected = record.offset + 1

    def whole_from(self, kept_since: int) -> int:
        """The opening time (epoch ms) from which on interactions find every condition that was ever reported.

        `kept_since`: compaction spares records stamped later. 0 if none is missing.
        """
        read_to_end = self._expected == self._position  # else what stood last is gone, or is a marker of a transaction
        since = min(self._whole_since, kept_since) if read_to_end else kept_since
        return since + self._max_ahead_ms + LONGEST_TOLERANCE if since > 0 else 0

    def prune(self, shards: Iterable[Shard]) -> None:
        """Forget what no shard can need any more: older than two horizons, and followed by a newer value.

        `shards`: all that take conditions from here, none of which is being rebuilt.
        """
        if len(self.records) < self._prune_at:
            return
        shards = list(shards)
        oldest = min((shard.clock for shard in shards), default=0) - self._reach
        latest = {(each.subject, each.kind): index for index, each in enumerate(self.records) if each.time < oldest}
        kept = [
            index
            for index, each in enumerate(self.records)
            if each.time >= oldest or latest[each.subject, each.kind] == index
        ]
        for shard in shards:
            shard.fed = sum(index < shard.fed for index in kept)
            shard.conditions.forget(shard.clock - self._reach)
        self.records[:] = [self.records[index] for index in kept]
        self._forgotten_before = max(self._forgotten_before, oldest)
        self._prune_at = len(self.records) + PRUNE_EVERY
