"""Scores history anew under a new epoch, beside live workers that have taken it already.

    commits of the live workers -> fold the log up to them -> rows of what is over -> replace those that stand

Live workers write what was not over when they took the epoch, this writes what was over before it starts; where the
two meet they write the same row. Begun again it writes the same rows: it keeps no state.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from pipeline.core.catalog import Catalog
from pipeline.core.replacement import replacement
from pipeline.core.scored import ScoredInteraction
from pipeline.core.shard import Shard
from pipeline.errors import ConfigError
from pipeline.settings import Settings
from pipeline.sink.block import Block, Patience
from pipeline.sink.clickhouse import ClickHouse
from pipeline.sink.rows import LogPartition, Pseudonyms
from pipeline.sink.standing import standing_rows
from pipeline.sink.verdicts import Answer
from pipeline.stream.condition_feed import ConditionFeed
from pipeline.stream.decode import Decoder
from pipeline.stream.folding import Folding
from pipeline.stream.kafka_client import Committed, LogReader, partition_of, read_commits
from pipeline.stream.log_topic import conditions_kept, read_log
from pipeline.stream.place import NEVER, Log, find_place, refuse_other_settings

log = logging.getLogger(__name__)

FROM_THE_BEGINNING: Final = NEVER  # the clock before the first record
Watch = Callable[[int, int], None]  # (done, of) in offsets


class Recomputed(Struct):
    """What became of one partition up to `up_to_offset`, in interactions that are over.

    `replaced` have a row of this epoch now, `already` had one, `left` keep the row they had; so do `refused`, whose new
    row ClickHouse does not take.
    """

    partition: int
    up_to_offset: int
    replaced: int = 0
    already: int = 0
    left: int = 0
    refused: int = 0


class _Recomputation(Struct):
    """One run over one log. ClickHouse is asked from the event loop: nothing else waits for it here."""

    settings: Settings
    catalog: Catalog
    log: Log
    reader: LogReader
    feed: ConditionFeed
    clickhouse: ClickHouse
    pseudonyms: Pseudonyms
    watch: Watch
    opened_since: int
    to_see: int
    seen: int = 0

    async def partition(self, start: int, done: Recomputed) -> None:
        """Work through one partition."""
        settings, number = self.settings, done.partition
        decoder = Decoder(
            self.catalog,
            partition_of(settings.partitioner, self.log.partition_count),
            settings.max_record_bytes,
            int(settings.max_ahead_seconds * 1000),
        )
        shard = Shard(self.catalog, start, FROM_THE_BEGINNING, settings.epoch, self.feed.records)
        folding = Folding(number, shard, decoder)
        over: list[ScoredInteraction] = []
        async for records in self.reader.read(number, start, done.up_to_offset):
            await folding.fold_all(records, self._look_up, lambda: None)
            over += shard.output.take_over()
            if len(over) >= settings.max_block_rows:
                self._replace(over, done)
                over = []
            self.watch(self.seen + shard.position - start, self.to_see)
        self._replace(over, done)
        self.seen += done.up_to_offset - start

    async def _look_up(self, folding: Folding, ids: list[str]) -> None:
        folding.answer(self.clickhouse.earlier_lives(ids), ids, self.log.topic_id)

    def _replace(self, over: list[ScoredInteraction], done: Recomputed) -> None:
        where = LogPartition(self.log.topic, self.log.topic_id, done.partition)
        found = replacement(over, standing_rows(self.clickhouse, where, over), self.opened_since)
        block = Block()
        block.add(where, found.rows)
        patience = Patience(threading.Event(), _retried)
        written = block.write(self.clickhouse, self.pseudonyms, patience, max_rows=self.settings.max_block_rows)
        refused = 0 if written is None else len(written.refused)  # None is for those who are told to stop
        done.replaced += len(found.rows) - refused
        done.refused += refused
        done.already += found.already
        done.left += found.left


async def recompute(settings: Settings, catalog: Catalog, clickhouse: ClickHouse, watch: Watch) -> list[Recomputed]:
    """Recompute every partition up to what the live workers have committed by now.

    Raises ConfigError when they have not taken the epoch of the settings yet, KafkaError or ClickHouseError.
    """
    kafka_log = await read_log(settings, catalog)
    brokers = settings.kafka_address()
    commits = await read_commits(brokers, settings.group, kafka_log.topic)
    feed = ConditionFeed(settings, catalog)
    await feed.start()
    try:
        kept_since = int(time.time() * 1000) - await conditions_kept(settings)
        async with LogReader(brokers, kafka_log.topic) as reader:
            await refuse_unless_taken(reader, kafka_log, commits, settings, catalog)
            starts = {number: bounds[0] for number, bounds in (await reader.bounds(set(commits))).items()}
            pseudonyms = Pseudonyms(settings.pseudonym_key_bytes(), settings.placeholder_customers)
            to_see = sum(max(one.position - starts[number], 0) for number, one in commits.items())
            run = _Recomputation(
                settings, catalog, kafka_log, reader, feed, clickhouse, pseudonyms, watch=watch,
                opened_since=feed.whole_from(kept_since), to_see=to_see,
            )  # fmt: skip
            found = [Recomputed(number, committed.position) for number, committed in sorted(commits.items())]
            for done in found:
                if starts[done.partition] < done.up_to_offset:
                    await run.partition(starts[done.partition], done)
    finally:
        await feed.stop()
    return found


async def refuse_unless_taken(
    reader: LogReader, kafka_log: Log, commits: Mapping[int, Committed], settings: Settings, catalog: Catalog
) -> None:
    """Raise `ConfigError` unless every commit was made in this epoch, under these models, touch-points and windows."""
    epoch = settings.epoch
    for number, committed in sorted(commits.items()):
        horizon = catalog.horizon()
        place = await find_place(reader, kafka_log, number, committed, epoch=epoch, horizon=horizon)
        metadata = place.metadata
        if metadata is None or place.new_epoch:
            raise ConfigError(
                f"the live workers of group {settings.group} have not taken epoch {epoch} on {kafka_log.topic}/{number}"
                f" yet: start them all with TOUCHPOINT_EPOCH={epoch}, then recompute"
            )
        clocks = (metadata.clock, *(change for change in catalog.changes if change > metadata.clock))
        if metadata.fingerprint not in map(catalog.fingerprint, clocks):
            refuse_other_settings(catalog, metadata, metadata.clock, epoch)


def _retried(answer: Answer) -> None:
    log.warning("%s; the same again", answer.message)
