"""The path of one process, from the log to the tables, in data order.

    fetch a batch -> decode -> fold, shard by shard -> write what is due -> insert -> commit

One event loop reads and folds, one thread inserts. `folding.py` decodes and folds, `writer.py` makes durable and
commits, `partitions.py` follows rebalances; the Kafka client is known to `kafka_client.py` and the files it names.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from pipeline.core.catalog import Catalog
from pipeline.errors import KafkaUnavailableError, RejectShareError
from pipeline.settings import Settings
from pipeline.stream.budget import FINISHING, LEAVING, Budget
from pipeline.stream.condition_feed import ConditionFeed
from pipeline.stream.cut import Cutter
from pipeline.stream.decode import Decoder
from pipeline.stream.folding import Folding
from pipeline.stream.kafka_client import Batch, LogConsumer, partition_of
from pipeline.stream.observer import Observer
from pipeline.stream.partitions import Partitions
from pipeline.stream.place import Log
from pipeline.stream.reject_sender import RejectSender
from pipeline.stream.rejects import ROOM_BYTES
from pipeline.stream.writer import GivenUpError, Writer
from pipeline.telemetry.health import Health
from pipeline.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

FOR_EVER: Final = 1 << 50  # ms; as if a partition had stood at its end for ever
POLL_SECONDS: Final = 0.2
GIVING_UP_SECONDS: Final = 2.0


class Worker:
    """Works on the log until told to stop.

    `crashed` is told what would otherwise be lost in a callback; `progress` is called whenever the path has moved.
    """

    def __init__(  # noqa: PLR0913  # by keyword: whom it tells what
        self,
        settings: Settings,
        catalog: Catalog,
        kafka_log: Log,
        *,
        crashed: Callable[[BaseException], Awaitable[None]],
        progress: Callable[[], None],
        metrics: Metrics,
        health: Health,
    ) -> None:
        self.log = kafka_log
        self.broker_answers = True
        self._settings = settings
        self._catalog = catalog
        self._progress = progress
        count = kafka_log.partition_count
        decoder = Decoder(
            catalog, partition_of(settings.partitioner, count),
            settings.max_record_bytes, int(settings.max_ahead_seconds * 1000),
        )  # fmt: skip
        self._feed = ConditionFeed(settings, catalog)
        self._busy = asyncio.Lock()  # held while a batch is folded or a block is cut
        self.partitions = Partitions(
            settings, catalog, kafka_log, decoder=decoder, feed=self._feed, busy=self._busy,
            finish=lambda: self._finish(settings.shutdown_seconds), look_up=self._look_up,
            crashed=crashed, progress=progress, metrics=metrics,
        )  # fmt: skip
        self._consumer = self.partitions.consumer = LogConsumer(
            settings,
            kafka_log.topic,
            revoked=self.partitions.revoked,
            assigned=self.partitions.assigned,
            crashed=crashed,
        )
        self._sender = RejectSender(
            settings, f"{settings.topic_prefix}.rejected", settings.max_record_bytes + ROOM_BYTES
        )
        self._writer = Writer(settings, self._consumer, self._sender, progress, metrics)
        self._observer = Observer(
            self.partitions, self._consumer, metrics, health,
            in_hand=lambda: self.in_hand, silent=self._silent_services,
        )  # fmt: skip
        self._cutter = Cutter(kafka_log, catalog, settings.epoch)
        self._in_flight: asyncio.Task[bool] | None = None
        self._last_cut = time.monotonic()
        self._started = False

    # ---- life of the process ----

    async def start(self) -> None:
        """Connect to everything, then join the group."""
        await self._writer.check(self._catalog.models)
        await self._sender.start()
        await self._feed.start()
        self._started = True
        await self._consumer.start()
        self._observer.start()

    async def stop(self, *, finish: bool, budget: Budget) -> None:
        """Leave the group; first, with `finish`, commit what is in hand. What takes too long is read again.

        Raises what makes that impossible for good, after everything was let go of.
        """
        self._observer.stop()
        try:
            if self._started and finish and not await self._finish(budget.share(FINISHING)):
                self.partitions.lay_down()  # at once: a run loop in mid-batch would cut and commit beyond it
                log.warning("not all was durable in time: what was read beyond the last commit will be read again")
        finally:
            await self._leave(budget)

    async def _leave(self, budget: Budget) -> None:
        self.partitions.cancel_rebuild()
        if self._started:
            await budget.within(LEAVING, self._consumer.stop())
            self.partitions.cancel_rebuild()  # the client ends a rebalance before it leaves: that began another one
            for part in (self._sender, self._feed):
                await budget.within(LEAVING, part.stop())
        await self._writer.close(budget.share(LEAVING))

    @property
    def in_hand(self) -> bool:
        """Whether a block is on its way, or the path at work: it is while it waits in the middle, as for a look-up."""
        return self._in_flight is not None or self._busy.locked()

    @property
    def has_work(self) -> bool:
        """Whether something is to be done that should show progress: nothing can while no broker answers."""
        partitions = self.partitions
        behind = bool(partitions.rebuilding) or any(one.stood_since is None for one in partitions.live.values())
        return self.broker_answers and (self.in_hand or behind)

    def _silent_services(self) -> list[str]:
        reasons = [] if self.broker_answers else ["no Kafka broker answers"]
        refusal = self._writer.refusal
        return [*reasons, f"ClickHouse does not take the block in hand: {refusal}"] if refusal else reasons

    async def run(self, should_stop: Callable[[], bool], *, drain: bool = False) -> None:
        """The loop. With `drain` it ends when the log is worked off and everything is written."""
        if drain:
            self._observer.say_what_is_left()
        while not should_stop():
            number = self.partitions.number
            batch = await self._consumer.fetch(POLL_SECONDS)
            async with self._busy:
                if should_stop() or number != self.partitions.number:
                    self.partitions.read_again(batch)  # SIGTERM or a rebalance
                    continue
                try:
                    await self._fold(batch)
                    await self._write_what_is_due()
                    if drain and not batch and await self._worked_off():
                        await self._write_the_rest()
                        return
                except GivenUpError:
                    self.partitions.read_again(batch)
                    log.warning("a block was given up; it will be read again")
                except KafkaUnavailableError as error:
                    if drain:
                        raise
                    self.partitions.read_again(batch)
                    self._progress()
                    log.warning("%s; the same again", error)

    # ---- the path ----

    async def _fold(self, batch: Batch) -> None:
        if batch:
            await self._feed.catch_up()
        for partition, piece in batch.items():
            folding = self.partitions.live.get(partition)
            if folding is None:
                continue  # still being rebuilt: read again when it goes live
            is_first = True
            for records in piece:
                if is_first:
                    await self._notice_gap(folding, records[0].offset)
                is_first = False
                folding.stood_since = None
                try:
                    await folding.fold_all(records, self._flush_and_look_up, self._progress)
                except RejectShareError:
                    await self._flush(commit=False)  # for the operator to look at; a restart stops here again
                    raise
            self._progress()

    async def _write_what_is_due(self) -> None:
        """Cut a block about once a second, one in flight at a time; hold the log back while it takes longer."""
        if time.monotonic() - self._last_cut < self._settings.flush_interval_seconds:
            return
        if self._in_flight is not None and not self._in_flight.done():
            self.partitions.hold_back()
            return
        await self._landed()
        self.partitions.let_go()
        await self._note_ends()
        for folding in self.partitions.live.values():
            if ids := folding.shard.questions(folding.stood_milliseconds()):
                await self._flush_and_look_up(folding, ids)
        await self._send_off()

    async def _flush(self, *, commit: bool = True) -> None:
        """Make everything folded so far durable. Raises `GivenUpError` if that was given up."""
        await self._landed()
        await self._send_off(commit=commit)
        await self._landed()

    async def _send_off(self, stood_milliseconds: int | None = None, *, commit: bool = True) -> None:
        """Score and cut. `stood_milliseconds`: as if all partitions had stood at their ends for so long."""
        partitions = self.partitions
        for folding in list(partitions.live.values()):
            for _ in folding.stretches_due(stood_milliseconds):
                self._progress()
                await asyncio.sleep(0)
        cut = self._cutter.cut(partitions.live.values(), partitions.committed)
        if not commit:
            cut.positions = {}
        self._last_cut = time.monotonic()
        if len(cut.block) or cut.positions:
            self._in_flight = asyncio.create_task(self._writer.write(cut))

    async def _landed(self) -> None:
        """Wait for the block in flight."""
        if self._in_flight is not None:
            durable = await asyncio.shield(self._in_flight)
            self._in_flight = None
            if not durable:
                self.partitions.committed.clear()  # its positions stand there: the next cut must commit them again
                raise GivenUpError

    async def _flush_and_look_up(self, folding: Folding, ids: list[str]) -> None:
        await self._flush()  # a look-up must see all rows written so far
        await self._look_up(folding, ids)

    async def _look_up(self, folding: Folding, ids: list[str]) -> None:
        """Ask the table which of these have a row of an earlier life."""
        folding.answer(await self._writer.earlier_lives(ids), ids, self.log.topic_id)

    async def _note_ends(self) -> None:
        """Remember since when each partition stands read to its end."""
        for partition, folding in self.partitions.live.items():
            folding.stand_at(await self._consumer.position_at_end(partition))
        await self._feed.catch_up()
        for folding in self.partitions.live.values():
            if folding.stood_since is not None:
                folding.shard.apply_conditions()  # at its end a shard takes them as they arrive
        if not self.partitions.rebuilding:  # a shard that is not live yet counts the records it has taken
            self._feed.prune(folding.shard for folding in self.partitions.live.values())

    async def _notice_gap(self, folding: Folding, first_offset: int) -> None:
        """A hole in the offsets is a data gap if retention made it; transactions leave holes too."""
        expected = folding.shard.position
        if first_offset > expected:
            first_kept = await self._consumer.first_kept(folding.partition)
            if first_kept > expected:
                self.partitions.report_gap(folding.partition, expected, first_kept)

    # ---- ends ----

    async def _worked_off(self) -> bool:
        """Whether all that is assigned is live and read to the end that the log has now."""
        partitions = self.partitions
        ready = partitions.settled and not partitions.rebuilding
        return ready and await self._consumer.read_to_end(set(partitions.live))

    async def _write_the_rest(self) -> None:
        """Write due rows as if the partitions had stood still for ever."""
        await self._feed.catch_up()
        for folding in self.partitions.live.values():
            folding.shard.apply_conditions()
        await self._flush()
        for folding in self.partitions.live.values():
            if ids := folding.shard.questions(FOR_EVER):
                await self._look_up(folding, ids)
        await self._send_off(FOR_EVER)
        await self._landed()

    async def _finish(self, seconds: float) -> bool:
        """Make durable what is in hand within this time; False if that was given up.

        Then the caller takes the live shards off the path before it awaits anything: what was given up is in none of
        them any more, and their next commit would leave it behind.
        """
        try:
            async with asyncio.timeout(seconds), self._busy:
                await self._flush()
        except (TimeoutError, GivenUpError):
            self._writer.give_up()
            if self._in_flight is not None:
                await asyncio.wait([self._in_flight], timeout=GIVING_UP_SECONDS)
                self._in_flight = None
            self._writer.try_again()
            return False
        return True
