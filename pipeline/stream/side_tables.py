"""The topics beside the log, straight into their tables, in data order.

    fetch -> decode -> row | reject -> insert about once a second -> commit

Conditions, answers and outcomes never open, extend or change an interaction here. A record may be written twice, when
partitions move or a process dies: the keys and versions of the tables make that harmless.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct, field

from pipeline.core.events import RejectReason
from pipeline.core.record import DecodedSide, Reject, Rejection
from pipeline.core.side_events import SIDE_EVENTS
from pipeline.settings import Settings
from pipeline.sink.block import Block, Written
from pipeline.sink.rows import LogPartition
from pipeline.sink.side_rows import TARGETS, SideBlock, SideRow
from pipeline.stream.budget import FINISHING, LEAVING, Budget
from pipeline.stream.decode import Record
from pipeline.stream.decode_side import decode_side
from pipeline.stream.log_topic import describe_topics
from pipeline.stream.reject_sender import RejectSender
from pipeline.stream.rejects import ROOM_BYTES, reject_row
from pipeline.stream.side_consumer import Partition, SideConsumer
from pipeline.stream.writer import GivenUpError, Inserter
from pipeline.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

GROUP_SUFFIX: Final = "-side"
POLL_SECONDS: Final = 0.2
LOOK_SECONDS: Final = 1.0
ASK_SECONDS: Final = 5.0  # how long the broker may take to say where the topics end
REMEMBERED: Final = 10_000  # identities of a topic's last records


Place = tuple[int, int]  # partition and offset


class SideCut(Struct):
    """What becomes durable together: a block, the records behind its rejects, and the positions to commit."""

    block: SideBlock = field(default_factory=SideBlock)
    rejected: list[Record] = field(default_factory=list)
    positions: dict[Partition, int] = field(default_factory=dict)


class LastSeen:
    """Tells which records of a topic repeat one of the last; only to be counted, the tables know all."""

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}

    def repeats(self, decoded: DecodedSide, place: Place) -> bool:
        """Whether its source and id came at another place; one that is read again is no repetition."""
        first = self._places.setdefault(hash((decoded.source, decoded.event_id)), place)
        if len(self._places) > REMEMBERED:
            del self._places[next(iter(self._places))]
        return first != place


class SideInserter(Inserter):
    """Makes blocks of these topics durable."""

    def _insert(self, block: Block) -> Written | None:
        written = super()._insert(block)
        for row in written.refused if written is not None else ():
            self._metrics.side.row_refused(row.topic.rpartition(".")[2])
        return written


class SideTables:
    """Works on the topics beside the log until told to stop.

    `progress` is called when a block was inserted or a retryable error answered.
    """

    def __init__(self, settings: Settings, progress: Callable[[], None], metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics.side
        self._kinds = {f"{settings.topic_prefix}.{kind}": kind for kind in SIDE_EVENTS}
        self._topic_ids: dict[str, str] = {}
        self._max_ahead_ms = int(settings.max_ahead_seconds * 1000)
        self._consumer = SideConsumer(settings, settings.group + GROUP_SUFFIX, list(self._kinds))
        room = settings.max_record_bytes + ROOM_BYTES
        self._sender = RejectSender(settings, f"{settings.topic_prefix}.rejected", room)
        self._inserter = SideInserter(settings, self._sender, progress, metrics)
        self._last_seen = {kind: LastSeen() for kind in SIDE_EVENTS}
        self._cut = SideCut()
        self._in_flight: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._held_back = False
        self._last_cut = time.monotonic()
        self._busy = asyncio.Lock()  # held while records are taken or a block is cut
        self._started = self._given_up = False

    async def start(self) -> None:
        """Connect to everything, then join the group. Raises when a topic or a table is missing."""
        topics = await describe_topics(self._settings, self._kinds)
        self._topic_ids = {topic.topic: topic.topic_id for topic in topics}
        await self._inserter.check_tables(TARGETS.values())
        await self._sender.start()
        self._started = True
        await self._consumer.start()
        self._looking = asyncio.create_task(self._go_on_looking())

    async def stop(self, *, finish: bool, budget: Budget) -> None:
        """Leave the group; first, with `finish`, write what is in hand, trying once. Anything else is read again."""
        self._inserter.try_once()
        if self._looking is not None:
            self._looking.cancel()
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
        seen, rejected = self._last_seen[kind], Counter[RejectReason]()
        duplicates = unknown_fields = 0
        for record in records:
            decoded = decode_side(record, kind, self._settings.max_record_bytes, self._max_ahead_ms)
            if isinstance(decoded, Reject):
                rejection = Rejection(record.offset, decoded.reason, decoded.detail, record)
                cut.block.reject(reject_row(where, rejection, record))
                cut.rejected.append(record)
                rejected[decoded.reason] += 1
            else:
                duplicates += seen.repeats(decoded, (partition, record.offset))
                unknown_fields += decoded.unknown_fields
                cut.block.take(kind, SideRow(where, record.offset, record.timestamp, decoded))
        cut.positions[topic, partition] = records[-1].offset + 1
        self._metrics.records_read(
            kind, len(records), duplicates=duplicates, unknown_fields=unknown_fields, rejected=rejected
        )

    async def _write_what_is_due(self) -> None:
        """Cut a block about once a second, one in flight at a time; hold the topics back while it takes longer."""
        if self._in_flight is not None and self._in_flight.done():
            await self._landed()  # also while nothing new comes: what has landed is no work any more
            self._consumer.let_go()
            self._held_back = False
        if not self._cut.positions or time.monotonic() - self._last_cut < self._settings.flush_interval_seconds:
            return
        if self._in_flight is not None:
            self._consumer.hold_back()
            self._held_back = True
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
        if not await self._inserter.make_durable(cut.block, cut.rejected):
            self._given_up = True
            return
        try:
            await self._inserter.unless_given_up(self._consumer.commit(cut.positions))
        except GivenUpError:
            self._given_up = True

    async def _go_on_looking(self) -> None:
        """Tell once a second how far behind the topics are; whatever fails here costs a look."""
        while True:
            try:
                # What is held back is not fetched, so the client does not hear how it grows.
                async with asyncio.timeout(ASK_SECONDS):
                    behind = await self._consumer.behind(ask=self._held_back)
                self._metrics.lag_seen({self._kinds[topic]: records for topic, records in behind.items()})
            except Exception as error:  # noqa: BLE001  # the path itself says what is wrong with the client
                log.debug("metrics miss a look beside the log: %r", error)
            await asyncio.sleep(LOOK_SECONDS)

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
