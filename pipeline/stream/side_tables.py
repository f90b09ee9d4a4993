"""The topics beside the log, straight into their tables, in data order.

    fetch -> decode -> row | reject -> insert about once a second -> commit

Conditions, answers and outcomes never open, extend or change an interaction here. A record may be written twice, when
partitions move or a process dies: the keys and versions of the tables make that harmless.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct, field

from pipeline.core.record import Reject, Rejection
from pipeline.core.side_events import SIDE_EVENTS
from pipeline.settings import Settings
from pipeline.sink.rows import LogPartition
from pipeline.sink.side_rows import SideBlock, SideRow
from pipeline.stream.budget import FINISHING, LEAVING, Budget
from pipeline.stream.decode import Record
from pipeline.stream.decode_side import decode_side
from pipeline.stream.log_topic import describe_topics
from pipeline.stream.reject_sender import RejectSender
from pipeline.stream.rejects import ROOM_BYTES, reject_row
from pipeline.stream.side_consumer import Partition, SideConsumer
from pipeline.stream.writer import GivenUpError, Inserter

log = logging.getLogger(__name__)

GROUP_SUFFIX: Final = "-side"
POLL_SECONDS: Final = 0.2


class SideCut(Struct):
    """What becomes durable together: a block, the records behind its rejects, and the positions to commit."""

    block: SideBlock = field(default_factory=SideBlock)
    rejected: list[Record] = field(default_factory=list)
    positions: dict[Partition, int] = field(default_factory=dict)


class SideTables:
    """Works on the topics beside the log until told to stop.

    `progress` is called when a block was inserted or a retryable error answered.
    """

    def __init__(self, settings: Settings, progress: Callable[[], None]) -> None:
        self.stored = 0
        self.rejected = 0
        self._settings = settings
        self._kinds = {f"{settings.topic_prefix}.{kind}": kind for kind in SIDE_EVENTS}
        self._topic_ids: dict[str, str] = {}
        self._max_ahead_ms = int(settings.max_ahead_seconds * 1000)
        self._consumer = SideConsumer(settings, settings.group + GROUP_SUFFIX, list(self._kinds))
        room = settings.max_record_bytes + ROOM_BYTES
        self._sender = RejectSender(settings, f"{settings.topic_prefix}.rejected", room)
        self._inserter = Inserter(settings, self._sender, progress)
        self._cut = SideCut()
        self._in_flight: asyncio.Task[None] | None = None
        self._last_cut = time.monotonic()
        self._busy = asyncio.Lock()  # held while records are taken or a block is cut
        self._started = self._given_up = False

    async def start(self) -> None:
        """Connect to everything, then join the group. Raises when a topic or a table is missing."""
        topics = await describe_topics(self._settings, self._kinds)
        self._topic_ids = {topic.topic: topic.topic_id for topic in topics}
        await self._inserter.check_tables(*SIDE_EVENTS)
        await self._sender.start()
        self._started = True
        await self._consumer.start()

    async def stop(self, *, finish: bool, budget: Budget) -> None:
        """Leave the group; first, with `finish`, write what is in hand, trying once. Anything else is read again."""
        self._inserter.try_once()
        if self._started:
            await self._finish(budget.share(FINISHING), write=finish)
            for part in (self._consumer, self._sender):
                await budget.within(LEAVING, part.stop())
        await self._inserter.close(budget.share(LEAVING))

    @property
    def has_work(self) -> bool:
        """Whether something is to be done that should show progress."""
        return self._in_flight is not None

    async def run(self, should_stop: Callable[[], bool], *, drain: bool = False) -> None:
        """The loop. With `drain` it ends when the topics are worked off and everything is written."""
        while not should_stop():
            batch = await self._consumer.fetch(POLL_SECONDS)
            async with self._busy:
                if should_stop():
                    return
                for (topic, partition), records in batch.items():
                    self._take(topic, partition, records)
                await self._write_what_is_due()
                if drain and not batch and await self._consumer.read_to_end():
                    await self._flush()
                    return

    def _take(self, topic: str, partition: int, records: Sequence[Record]) -> None:
        kind, cut = self._kinds[topic], self._cut
        where = LogPartition(topic, self._topic_ids[topic], partition)
        for record in records:
            decoded = decode_side(record, kind, self._settings.max_record_bytes, self._max_ahead_ms)
            if isinstance(decoded, Reject):
                rejection = Rejection(record.offset, decoded.reason, decoded.detail, record)
                cut.block.reject(reject_row(where, rejection, record))
                cut.rejected.append(record)
            else:
                cut.block.take(kind, SideRow(where, record.offset, record.timestamp, decoded))
        cut.positions[topic, partition] = records[-1].offset + 1

    async def _write_what_is_due(self) -> None:
        """Cut a block about once a second, one in flight at a time; hold the topics back while it takes longer."""
        if self._in_flight is not None and self._in_flight.done():
            await self._landed()  # also while nothing new comes: what has landed is no work any more
            self._consumer.let_go()
        if not self._cut.positions or time.monotonic() - self._last_cut < self._settings.flush_interval_seconds:
            return
        if self._in_flight is not None:
            self._consumer.hold_back()
            return
        self._send_off()

    async def _flush(self) -> None:
        await self._landed()
        if self._cut.positions:
            self._send_off()
            await self._landed()

    def _send_off(self) -> None:
        if self._given_up:
            return  # a commit would leave behind what was not written
        cut, self._cut = self._cut, SideCut()
        self._last_cut = time.monotonic()
        self._in_flight = asyncio.create_task(self._write(cut))

    async def _landed(self) -> None:
        """Wait for the block in flight."""
        if self._in_flight is not None:
            await asyncio.shield(self._in_flight)
            self._in_flight = None

    async def _write(self, cut: SideCut) -> None:
        rejected = len(cut.rejected)
        if not await self._inserter.make_durable(cut.block, cut.rejected):
            self._given_up = True
            return
        try:
            await self._inserter.unless_given_up(self._consumer.commit(cut.positions))
        except GivenUpError:
            self._given_up = True
            return
        self.rejected += rejected
        self.stored += len(cut.block) - rejected

    async def _finish(self, seconds: float, *, write: bool) -> None:
        """Wait for what is in flight and, with `write`, write what is in hand, no longer than this."""
        try:
            async with asyncio.timeout(seconds):
                if self._in_flight is not None:
                    await asyncio.wait([self._in_flight])
                if write:
                    async with self._busy:
                        await self._flush()
        except TimeoutError:
            self._given_up = True
            self._inserter.give_up()
        if self._given_up:
            log.warning("what was read of conditions, feedback and outcomes since the last commit will be read again")
