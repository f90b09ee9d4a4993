"""Which partitions this process works on: shards that are live, kept over a rebalance, or being rebuilt.

Every join revokes everything from everybody. A shard whose partition comes back goes on only if it stands exactly at
the commit; all others are rebuilt from the log beside the poll loop, with their partition paused meanwhile.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from pipeline.core.catalog import Catalog
from pipeline.core.interaction import Standing
from pipeline.core.scored import RANK_TIMED_OUT
from pipeline.core.shard import Shard
from pipeline.core.tally import Tally
from pipeline.errors import KafkaUnavailableError
from pipeline.settings import Settings
from pipeline.stream.condition_feed import ConditionFeed
from pipeline.stream.decode import Decoder
from pipeline.stream.folding import Folding, LookUp
from pipeline.stream.kafka_client import Committed, LogConsumer, LogReader, read_commits
from pipeline.stream.place import Log, epoch_of, find_place, refuse_other_settings
from pipeline.stream.rebuild import rebuild
from pipeline.stream.reject_limit import RejectLimit
from pipeline.stream.writer import GivenUpError
from pipeline.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1.0


class Partitions:
    """The shards of one process.

    `finish` makes durable what is in hand and says whether it did; `busy` is held by the poll loop while it folds or
    cuts. `number` counts rebalances: what was fetched under an older one must be dropped.
    """

    def __init__(  # noqa: PLR0913  # by keyword: the four places where it meets the worker
        self,
        settings: Settings,
        catalog: Catalog,
        kafka_log: Log,
        *,
        decoder: Decoder,
        feed: ConditionFeed,
        busy: asyncio.Lock,
        finish: Callable[[], Awaitable[bool]],
        look_up: LookUp,
        crashed: Callable[[BaseException], Awaitable[None]],
        progress: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        self.number = 0
        self.live: dict[int, Folding] = {}
        self.committed: dict[int, Committed] = {}
        self.rebuilding: set[int] = set()
        self.settled = False  # whether it is known which partitions are ours, and where each of them stands
        self.held_back = False
        self.assigned_at = 0.0  # monotonic seconds
        self.tally = Tally()  # of shards that are gone
        self.data_gap_records = 0
        self.consumer: LogConsumer  # set by the worker: the two know each other
        self._settings = settings
        self._catalog = catalog
        self._log = kafka_log
        self._decoder = decoder
        self._feed = feed
        self._busy = busy
        self._finish, self._look_up, self._crashed, self._progress = finish, look_up, crashed, progress
        self._metrics = metrics
        self._limit = RejectLimit(settings)
        self._kept: dict[int, Folding] = {}
        self._laid_down: list[Folding] = []
        self._commits: dict[int, Committed] = {}
        self._rebuild: asyncio.Task[None] | None = None

    # ---- backpressure ----

    def hold_back(self) -> None:
        """Fetch nothing for now; the poll loop goes on, so the group keeps this member."""
        if not self.held_back:
            self.held_back = True
            self.consumer.hold_back(set(self.live))

    def let_go(self) -> None:
        """Fetch again."""
        if self.held_back:
            self.held_back = False
            self.consumer.let_go(set(self.live))

    # ---- rebalance ----

    async def revoked(self, _partitions: set[int]) -> None:
        """Finish what is in hand, and keep the shards in case they come back."""
        self.cancel_rebuild()
        finished = await self._finish()
        self.settled = False
        self.number += 1
        self._kept = {**self._kept, **self.live} if finished else {}
        self.retire()

    async def assigned(self, partitions: set[int]) -> None:
        """Hold everything back until it is known where each of them stands.

        Only that: the client sends no heartbeat before this returns, so a broker that falls silent is asked elsewhere.
        """
        self.number += 1  # what the client handed out until now is not folded: others of that assignment were dropped
        self.held_back = False
        self.assigned_at = time.monotonic()
        self.cancel_rebuild()
        self._commits = {}
        self.rebuilding = set(partitions)
        self.consumer.hold_back(partitions)
        self._rebuild = asyncio.create_task(self._take_up(partitions))

    async def _take_up(self, partitions: set[int]) -> None:
        try:
            await self._until_answered(lambda: self._take_up_kept(partitions))
            await self._until_answered(self._rebuild_all)
        except GivenUpError:
            return  # the partitions move on
        except Exception as error:  # noqa: BLE001  # nobody awaits this task
            await self._crashed(error)

    async def _take_up_kept(self, partitions: set[int]) -> None:
        """Go on with what stands at the commit; what was kept beside it is of no use any more."""
        settings = self._settings
        commits = self._commits = await read_commits(settings.kafka_address(), settings.group, self._log.topic)
        async with self._busy:  # a shard must not come to life while a batch is folded
            for partition in partitions & self._kept.keys() & commits.keys():
                of_our_epoch = epoch_of(commits[partition]) == self._settings.epoch  # else somebody took a higher one
                if of_our_epoch and self._kept[partition].shard.position == commits[partition].position:
                    self._go_live(self._kept[partition])
            self._kept = {}
            self.committed = {partition: commits[partition] for partition in self.live}
            self.settled = True

    async def _until_answered(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Do something again for as long as no broker answers."""
        while True:
            try:
                return await attempt()
            except KafkaUnavailableError as error:
                self._progress()
                log.warning("%s; the same again", error)
            await asyncio.sleep(RETRY_SECONDS)

    def read_again(self, partitions: Iterable[int]) -> None:
        """Fetch next what the live ones of these have not folded: the client has moved past all it handed out."""
        for partition in partitions:
            if partition in self.live:
                self.consumer.go_on_from(partition, self.live[partition].shard.position)

    def retire(self) -> None:
        """Give up all live shards, but not their counts."""
        for folding in self.live.values():
            self.tally.add(folding.shard.output.tally)
            folding.shard.output.tally = Tally()
        self.live = {}

    def lay_down(self) -> None:
        """Take all live shards off the path; they are only counted from now on. For the end of the process."""
        self._laid_down += self.live.values()
        self.live = {}

    def count(self) -> tuple[Tally, int]:
        """What became of the records so far, and how many interactions are open: neither ended nor timed out."""
        tally = Tally()
        tally.add(self.tally)
        still_open = 0
        for folding in (*self.live.values(), *self._laid_down):
            tally.add(folding.shard.output.tally)
            for held in folding.shard.held.values():
                undecided = held.standing is Standing.UNDECIDED
                written = held.idle_rank == RANK_TIMED_OUT
                still_open += undecided or (held.lasts and not written)
                tally.ended += written - (undecided and not held.lasts)
        return tally, still_open

    def cancel_rebuild(self) -> None:
        """Stop rebuilding; whoever gets the partitions next begins anew."""
        if self._rebuild is not None:
            self._rebuild.cancel()
            self._rebuild = None
        self.rebuilding = set()

    def committed_position(self, partition: int) -> int | None:
        """Where a partition that is being rebuilt will go on; None before its commit is known, and without one."""
        commit = self._commits.get(partition)
        return None if commit is None else commit.position

    def report_gap(self, partition: int, first: int, after: int) -> None:
        """Say that retention removed records before anybody read them."""
        self.data_gap_records += after - first
        log.error(
            "DATA GAP: %s/%d: offsets %d to %d were removed by retention before they were read",
            self._log.topic, partition, first, after - 1,
        )  # fmt: skip

    # ---- rebuild ----

    async def _rebuild_all(self) -> None:
        """Rebuild what is not live yet."""
        if not self.rebuilding:
            return
        async with LogReader(self._settings.kafka_address(), self._log.topic) as reader:
            for partition in sorted(self.rebuilding):
                folding = await self._rebuild_one(reader, partition, self._commits.get(partition))
                async with self._busy:
                    self._go_live(folding)

    async def _rebuild_one(self, reader: LogReader, partition: int, committed: Committed | None) -> Folding:
        epoch = self._settings.epoch
        horizon = self._catalog.horizon()
        place = await find_place(reader, self._log, partition, committed, epoch=epoch, horizon=horizon)
        await self._feed.catch_up()
        await self._feed.reach_back(place.clock, lambda: [live.shard for live in self.live.values()])
        shard = Shard(self._catalog, place.replay_offset, place.clock, epoch, self._feed.records)
        started = time.monotonic()
        await rebuild(reader, Folding(partition, shard, self._decoder), place, self._look_up, self._progress)
        refuse_other_settings(self._catalog, place.metadata, shard.clock, epoch)
        self._metrics.partitions.rebuilt(time.monotonic() - started)
        if place.gap is not None:
            self.report_gap(partition, *place.gap)
        log.info(
            "%s/%d: live at offset %d with %d interactions held, rebuilt from offset %d in %.1f s",
            self._log.topic, partition, place.position, len(shard.held), place.replay_offset,
            time.monotonic() - started,
        )  # fmt: skip
        return Folding(partition, shard, self._decoder, self._limit)

    def _go_live(self, folding: Folding) -> None:
        partition = folding.partition
        self.live[partition] = folding
        self.rebuilding.discard(partition)
        self.consumer.go_on_from(partition, folding.shard.position)
        if not self.held_back:
            self.consumer.let_go({partition})
