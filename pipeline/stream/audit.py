"""Proves from durable data that no record was lost or counted twice, partition by partition, up to the commit.

    commits -> count the log's records -> rebuild what is held, without writing -> rows, rejects -> balance

Works beside running workers: the commits are read first, and whatever became durable later is told apart by its
offsets. Must not change anything but the table `audited`.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct, structs

from pipeline.core.balance import Balance, Life, LifeKey, lives_of, missing_rows, refused_not_held, rows_not_held
from pipeline.core.catalog import Catalog
from pipeline.core.shard import Shard
from pipeline.errors import TopicError
from pipeline.settings import Settings
from pipeline.sink.balance import PartitionTables, write_audited
from pipeline.sink.clickhouse import ClickHouse
from pipeline.sink.rows import LogPartition
from pipeline.stream.decode import Decoder
from pipeline.stream.folding import Folding
from pipeline.stream.kafka_client import Committed, LogReader, partition_of, read_commits
from pipeline.stream.log_topic import read_log
from pipeline.stream.place import Log, Place, find_place, refuse_other_settings
from pipeline.stream.rebuild import rebuild
from pipeline.stream.unaccounted import find_unaccounted

Watch = Callable[[int, int], None]  # (done, of) in records


class Audit(Struct, frozen=True):
    """What an audit found. `uncommitted`: partitions that hold records, but no commit yet."""

    log: Log
    balances: list[Balance]
    uncommitted: list[int]

    @property
    def balanced(self) -> bool:
        """Whether every partition balances."""
        return all(one.balanced for one in self.balances)


class _Auditor(Struct):
    """One run over one log. ClickHouse is asked from the event loop: nothing else waits for it here."""

    settings: Settings
    catalog: Catalog
    log: Log
    reader: LogReader
    clickhouse: ClickHouse
    watch: Watch
    seen: int = 0
    to_see: int = 0

    async def balances(self, commits: Mapping[int, Committed], bounds: Mapping[int, tuple[int, int]]) -> list[Balance]:
        """The balance of every partition with a commit."""
        self.to_see = sum(max(one.position - bounds[number][0], 0) for number, one in commits.items())
        return [await self._balance(number, commits[number], bounds[number][0]) for number in sorted(commits)]

    async def _balance(self, partition: int, committed: Committed, first_kept: int) -> Balance:
        place = await find_place(
            self.reader, self.log, partition, committed, epoch=self.settings.epoch, horizon=self.catalog.horizon()
        )
        if place.metadata is None:
            raise TopicError(
                f"the commit of group {self.settings.group} on {self.log.topic}/{partition} is not a worker's: what was"
                " held there is unknown. Let a worker of this group commit once, then audit again"
            )
        up_to = committed.position
        start = min(first_kept, up_to)
        lives = await self._held(partition, place) if place.position == up_to else {}
        where = LogPartition(self.log.topic, self.log.topic_id, partition)
        tables = PartitionTables(self.clickhouse, where, up_to)
        records, removed, assumed = await self._count_records(partition, start, up_to, tables)

        recent = tables.rows_from(place.replay_offset)
        old_events, old_duplicates = tables.count_rows(min(place.replay_offset, up_to))
        events, duplicates = rows_not_held(recent, lives)
        refused = tables.refused()
        unsettled = [offset for life in lives.values() for offset in life.unsettled]
        rejected = tables.count_rejects() - tables.count_rejects_at(unsettled)
        rejected += sum(refused_not_held(refused, tables.rows_at(refused), lives).values())
        findings = list(missing_rows(recent, lives, refused))
        balance = Balance(
            partition=partition,
            up_to_offset=up_to,
            records=records,
            events=old_events + events,
            duplicates=old_duplicates + duplicates,
            held=sum(life.records for life in lives.values()),
            rejected=rejected,
            removed=removed,
            assumed=assumed,
        )
        if balance.difference:
            findings += await find_unaccounted(self.reader, partition, start, tables, lives)
        return structs.replace(balance, findings=tuple(findings))

    async def _held(self, partition: int, place: Place) -> dict[LifeKey, Life]:
        """What the shard held at the commit, as the worker's own rebuild finds it."""
        settings = self.settings
        decoder = Decoder(
            self.catalog,
            partition_of(settings.partitioner, self.log.partition_count),
            settings.max_record_bytes,
            int(settings.max_ahead_seconds * 1000),
        )
        shard = Shard(self.catalog, place.replay_offset, place.clock, settings.epoch)
        folding = Folding(partition, shard, decoder)
        await rebuild(self.reader, folding, place, self._look_up, lambda: None)
        refuse_other_settings(self.catalog, place.metadata, shard.clock, settings.epoch)
        return lives_of(shard.held.values())

    async def _look_up(self, folding: Folding, ids: list[str]) -> None:
        folding.answer(self.clickhouse.earlier_lives(ids), ids, self.log.topic_id)

    async def _count_records(
        self, partition: int, start: int, up_to: int, tables: PartitionTables
    ) -> tuple[int, int, int]:
        """Records that a reader is given up to the commit; those of them removed by retention; those assumed."""
        audited = tables.last_audited() if start else None
        audited_to = audited.up_to_offset if audited else 0
        counted = counted_by_audit = 0
        if start < up_to:
            async for records in self.reader.read(partition, start, up_to):
                counted += len(records)
                if records[0].offset < audited_to:
                    counted_by_audit += sum(record.offset < audited_to for record in records)
                self.seen += len(records)
                self.watch(self.seen, self.to_see)
        assumed = max(start - audited_to, 0)
        removed = (audited.records if audited else 0) - counted_by_audit + assumed
        return counted + removed, removed, assumed


async def audit(settings: Settings, catalog: Catalog, clickhouse: ClickHouse, watch: Watch) -> Audit:
    """Audit every partition that has a commit, and keep the totals of those that balance.

    Raises KafkaError, ClickHouseError or ConfigError; `watch` hears of progress.
    """
    log = await read_log(settings, catalog)
    brokers = settings.kafka_address()
    commits = await read_commits(brokers, settings.group, log.topic)
    async with LogReader(brokers, log.topic) as reader:
        bounds = await reader.bounds(set(range(log.partition_count)) | commits.keys())
        auditor = _Auditor(settings, catalog, log, reader, clickhouse, watch)
        balances = await auditor.balances(commits, bounds)
    write_audited(clickhouse, log.topic_id, [one for one in balances if one.balanced])
    uncommitted = [number for number, (start, end) in bounds.items() if end > start and number not in commits]
    return Audit(log, balances, sorted(uncommitted))
