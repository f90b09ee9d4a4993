"""The log through the Kafka client: read as a member of the group or beside it, and commit.

Another client would replace this file, `side_consumer.py` for the topics beside the log, `reject_sender.py`,
`group_member.py`, and `parsed_records.py`, where the client's own parsing is put right; `log_topic.py` asks the broker
through kafka-python. Partitions are numbers here, since a worker reads one log.
"""

import logging
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError, KafkaTimeoutError, for_code
from aiokafka.errors import KafkaError as ClientError
from aiokafka.structs import OffsetAndMetadata
from msgspec import Struct

from pipeline.errors import KafkaError, KafkaUnavailableError
from pipeline.settings import Settings
from pipeline.stream.decode import Record
from pipeline.stream.group_member import REQUEST_TIMEOUT_MS, group_member, stop_consumer
from pipeline.stream.murmur2 import murmur2
from pipeline.stream.parsed_records import Piece, hand_out_parsed_records

log = logging.getLogger(__name__)

READ_WAIT_MS: Final = 1_000
READER_FETCH_WAIT_MS: Final = 50
MAX_PIECES: Final = 4  # of one batch; the client fetches at most 1 MiB of a partition, or one record

Batch = Mapping[int, Piece]
PartitionsChanged = Callable[[set[int]], Awaitable[None]]


class Committed(Struct, frozen=True):
    """A committed offset and the text beside it."""

    position: int
    metadata: str


class LogConsumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """A member of the consumer group on one log.

    `revoked` and `assigned` are awaited during a rebalance with the partitions concerned; every rebalance takes all
    partitions from everybody. What they raise is handed to `crashed`, because the client would only log it.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        *,
        revoked: PartitionsChanged,
        assigned: PartitionsChanged,
        crashed: Callable[[BaseException], Awaitable[None]],
    ) -> None:
        self._topic = topic
        self._revoked, self._assigned, self._crashed = revoked, assigned, crashed
        self._consumer = group_member(settings, settings.group)

    async def start(self) -> None:
        """Join the group. Raises `KafkaUnavailableError` when no broker answers."""
        self._consumer.subscribe([self._topic], listener=self)
        try:
            await self._consumer.start()
        except KafkaConnectionError as error:
            raise KafkaUnavailableError(f"no Kafka broker answers: {error}") from error

    async def stop(self) -> None:
        """Leave the group."""
        await stop_consumer(self._consumer)

    async def fetch(self, wait_seconds: float) -> Batch:
        """The next records of partitions that are not held back; empty after `wait_seconds` without any.

        Reading them raises `KafkaError` when the log is damaged.
        """
        batch = await self._consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=MAX_PIECES)
        return {partition.partition: piece for partition, (piece,) in batch.items()}

    async def commit(self, positions: Mapping[int, Committed]) -> bool:
        """Commit, if there is anything new; False when the group has moved on and somebody else owns the partitions."""
        if not positions:
            return True  # rows that time alone made due: the client refuses an empty commit
        offsets = {
            TopicPartition(self._topic, partition): OffsetAndMetadata(committed.position, committed.metadata)
            for partition, committed in positions.items()
        }
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("the group moved on, what was just written will be read again: %s", error)
            return False
        return True

    def hold_back(self, partitions: set[int]) -> None:
        """Fetch nothing from these partitions; what was fetched ahead is dropped and read again later."""
        assigned = self._consumer.assignment()
        self._consumer.pause(*({TopicPartition(self._topic, number) for number in partitions} & assigned))

    def let_go(self, partitions: set[int]) -> None:
        """Fetch from these partitions again."""
        assigned = self._consumer.assignment()
        self._consumer.resume(*({TopicPartition(self._topic, number) for number in partitions} & assigned))

    def go_on_from(self, partition: int, position: int) -> None:
        """Fetch from this offset next, if the partition is still ours."""
        topic_partition = TopicPartition(self._topic, partition)
        if topic_partition in self._consumer.assignment():
            self._consumer.seek(topic_partition, position)

    async def position_at_end(self, partition: int) -> int | None:
        """The next offset to fetch, if the partition is read to its end as of the latest fetch; else None."""
        heard = self.end_heard(partition)
        if heard is None:
            return None
        position: int = await self._consumer.position(TopicPartition(self._topic, partition))
        return position if position >= heard[0] else None

    def end_heard(self, partition: int) -> tuple[int, int] | None:
        """The log's end as of the latest fetch, and when that was answered (epoch ms); None before one."""
        topic_partition = TopicPartition(self._topic, partition)
        if topic_partition not in self._consumer.assignment():
            return None
        end = self._consumer.last_stable_offset(topic_partition)
        return None if end is None or end < 0 else (int(end), self._consumer.last_poll_timestamp(topic_partition))

    async def ends(self, partitions: set[int]) -> dict[int, int]:
        """The log's ends as the broker reports them now. Raises `KafkaUnavailableError` when it does not."""
        with asking(f"the ends of {self._topic}"):
            ends = await self._consumer.end_offsets([TopicPartition(self._topic, number) for number in partitions])
        return {one.partition: end for one, end in ends.items()}

    async def read_to_end(self, partitions: set[int]) -> bool:
        """Whether these partitions are read to the end that the broker reports now."""
        ends = await self.ends(partitions)
        positions = {one: await self._consumer.position(TopicPartition(self._topic, one)) for one in partitions}
        return all(positions[one] >= ends[one] for one in partitions)

    async def first_kept(self, partition: int) -> int:
        """The first offset that retention has left. Raises `KafkaUnavailableError` when the broker does not say."""
        topic_partition = TopicPartition(self._topic, partition)
        with asking(f"the beginning of {self._topic}/{partition}"):
            starts = await self._consumer.beginning_offsets([topic_partition])
        return int(starts[topic_partition])

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Client callback."""
        await self._guard(self._revoked, revoked)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Client callback."""
        await self._guard(self._assigned, assigned)

    async def _guard(self, changed: PartitionsChanged, partitions: set[TopicPartition]) -> None:
        try:
            await changed({partition.partition for partition in partitions})
        except Exception as error:  # noqa: BLE001  # the client logs and swallows whatever leaves a callback
            await self._crashed(error)


class LogReader:
    """Reads ranges of one log beside the group: it never commits and takes part in no rebalance."""

    def __init__(self, brokers: str, topic: str) -> None:
        self._topic = topic
        hand_out_parsed_records()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=brokers.split(","),
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            # A fetch at the end of one range would hold up the next range for so long.
            fetch_max_wait_ms=READER_FETCH_WAIT_MS,
        )

    async def __aenter__(self) -> Self:
        try:
            with asking("where its topics are"):
                await self._consumer.start()
        except BaseException:
            await stop_consumer(self._consumer)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop_consumer(self._consumer)

    async def read(self, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[Record]]:
        """Records with start <= offset < stop, in order, in batches. Ends early only if the log does.

        Waits for a broker that falls silent. Raises `KafkaError` when the log is damaged.
        """
        topic_partition = TopicPartition(self._topic, partition)
        self._consumer.assign([topic_partition])
        self._consumer.seek(topic_partition, start)
        while await self._consumer.position(topic_partition) < stop:
            batch = await self._consumer.getmany(topic_partition, timeout_ms=READ_WAIT_MS)
            for piece in batch.get(topic_partition, ()):
                for records in piece:
                    if records[-1].offset < stop:
                        yield records
                    elif before := [record for record in records if record.offset < stop]:
                        yield before

    async def bounds(self, partitions: set[int]) -> dict[int, tuple[int, int]]:
        """First offset still kept and end offset of each partition.

        Raises `KafkaUnavailableError` when the broker does not say.
        """
        topic_partitions = [TopicPartition(self._topic, number) for number in partitions]
        with asking(f"the bounds of {self._topic}"):
            starts = await self._consumer.beginning_offsets(topic_partitions)
            ends = await self._consumer.end_offsets(topic_partitions)
        return {one.partition: (starts[one], ends[one]) for one in topic_partitions}

    async def end(self, partition: int) -> int:
        """End offset of a partition. Raises `KafkaUnavailableError` when the broker does not say."""
        topic_partition = TopicPartition(self._topic, partition)
        with asking(f"the end of {self._topic}/{partition}"):
            ends = await self._consumer.end_offsets([topic_partition])
        return int(ends[topic_partition])

    async def offset_at(self, partition: int, stamp: int) -> int | None:
        """The first offset whose time stamp is `stamp` (epoch ms) or later; None when there is none.

        Raises `KafkaUnavailableError` when the broker does not say.
        """
        topic_partition = TopicPartition(self._topic, partition)
        with asking(f"what {self._topic}/{partition} held at a time"):
            found = await self._consumer.offsets_for_times({topic_partition: stamp})
        place = found.get(topic_partition)
        return None if place is None else int(place.offset)


@contextmanager
def asking(what: str) -> Iterator[None]:
    """A question to the broker: `KafkaUnavailableError` when it may be asked again later, else `KafkaError`."""
    try:
        yield
    except ClientError as error:
        if error.retriable or isinstance(error, KafkaTimeoutError):
            raise KafkaUnavailableError(f"no Kafka broker tells {what}: {error!r}") from error
        raise KafkaError(f"Kafka does not tell {what}: {error!r}") from error


def partition_of(partitioner: str, partitions: int) -> Callable[[bytes], int]:
    """The partition a producer chooses for a key: `murmur2` as Java clients do, `crc32` as librdkafka does."""
    if partitioner == "crc32":
        return lambda key: zlib.crc32(key) % partitions
    return lambda key: (murmur2(key) & 0x7FFFFFFF) % partitions


class _Admin(AIOKafkaAdminClient):  # type: ignore[misc]  # aiokafka is untyped
    """Raises what the client overlooks, an error of a whole answer: a group being loaded seemed to have no commits."""

    async def _send_request(self, request: Any, node_id: int | None = None) -> Any:  # noqa: ANN401
        response = await super()._send_request(request, node_id)
        code = getattr(response, "error_code", 0)
        if code:
            raise for_code(code)(str(response))
        return response


async def read_commits(brokers: str, group: str, topic: str) -> dict[int, Committed]:
    """What the group has committed on this log, by partition.

    Raises `KafkaUnavailableError` when the broker does not say.
    """
    admin = _Admin(bootstrap_servers=brokers.split(","), request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        with asking(f"the commits of group {group}"):
            await admin.start()
            offsets = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return {
        partition.partition: Committed(place.offset, place.metadata or "")
        for partition, place in offsets.items()
        if partition.topic == topic and place.offset >= 0
    }
