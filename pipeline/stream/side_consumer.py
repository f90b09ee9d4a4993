"""The Kafka client on several topics at once: reads as a member of a group and commits positions.

Another client would replace this file with `kafka_client.py`. A partition is a topic and a number here.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError

from pipeline.errors import KafkaUnavailableError
from pipeline.settings import Settings
from pipeline.stream.decode import Record
from pipeline.stream.group_member import group_member, stop_consumer
from pipeline.stream.kafka_client import MAX_PIECES, asking

log = logging.getLogger(__name__)

Partition = tuple[str, int]


class SideConsumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """A member of a group on some topics.

    For work that may be done twice: nothing is finished when partitions move, the next owner reads it again.
    """

    def __init__(self, settings: Settings, group: str, topics: Sequence[str]) -> None:
        self._topics = topics
        self._consumer = group_member(settings, group)
        self._joined = False

    async def start(self) -> None:
        """Join the group. Raises `KafkaUnavailableError` when no broker answers."""
        self._consumer.subscribe(self._topics, listener=self)
        try:
            await self._consumer.start()
        except KafkaConnectionError as error:
            raise KafkaUnavailableError(f"no Kafka broker answers: {error}") from error

    async def stop(self) -> None:
        """Leave the group."""
        await stop_consumer(self._consumer)

    async def fetch(self, wait_seconds: float) -> Mapping[Partition, Sequence[Record]]:
        """The next records of all partitions; empty after `wait_seconds` without any, and while held back.

        A partition comes with one record at least: of a fetch with nothing but an aborted transaction, or the marker of
        one, it is left out. Raises `KafkaError` when a topic is damaged.
        """
        batch = await self._consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=MAX_PIECES)
        found = {
            (partition.topic, partition.partition): [record for records in piece for record in records]
            for partition, (piece,) in batch.items()
        }
        return {partition: records for partition, records in found.items() if records}

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        """Commit the positions of partitions that are still ours; whoever owns the others reads them again."""
        assigned = self._consumer.assignment()
        offsets: dict[Any, int] = {TopicPartition(*place): position for place, position in positions.items()}
        mine = {partition: position for partition, position in offsets.items() if partition in assigned}
        if not mine:
            return
        try:
            await self._consumer.commit(mine)
        except (CommitFailedError, IllegalStateError) as error:
            log.info("the group moved on, what was just written will be read again: %s", error)

    def hold_back(self) -> None:
        """Fetch nothing; what was fetched ahead is dropped and read again later."""
        self._consumer.pause(*self._consumer.assignment())

    def let_go(self) -> None:
        """Fetch again."""
        self._consumer.resume(*self._consumer.paused())

    async def read_to_end(self) -> bool:
        """Whether all that is ours is read to the end that the broker reports now; False until the group is joined.

        Raises `KafkaUnavailableError` when the broker does not say.
        """
        assigned = self._consumer.assignment()
        with asking(f"the ends of {', '.join(self._topics)}"):
            try:
                ends = await self._consumer.end_offsets(list(assigned)) if assigned else {}
                read = [await self._consumer.position(one) >= ends[one] for one in assigned]
            except IllegalStateError:  # partitions have moved meanwhile
                return False
        return self._joined and all(read)

    async def behind(self, *, ask: bool) -> dict[str, int]:
        """By topic, offsets between the next ones to read and the ends of our partitions, where they are known.

        Ends as of the latest fetch, or with `ask` as the broker says now. Raises as the client does.
        """
        assigned = self._consumer.assignment()
        ends = {one: self._consumer.last_stable_offset(one) for one in assigned}
        if ask and assigned:
            ends |= await self._consumer.end_offsets(list(assigned))
        found = dict.fromkeys(self._topics, 0)
        for partition, end in ends.items():
            if end is not None and end >= 0:  # fetched, so that its position is known
                found[partition.topic] += max(end - await self._consumer.position(partition), 0)
        return found

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Client callback."""
        del revoked
        self._joined = False

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Client callback."""
        del assigned
        self._joined = True
