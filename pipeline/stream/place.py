"""Where a shard takes up its work: what a commit says, held against the log as it is now.

commit + metadata, log bounds -> position, replay offset, clock | data gap | a refusal to start
"""

from typing import Final

from msgspec import Struct

from pipeline.core.catalog import Catalog
from pipeline.core.commit import CommitMetadata, decode_metadata
from pipeline.errors import ConfigError, TopicError
from pipeline.stream.kafka_client import Committed, LogReader

NEVER: Final = -1


class Log(Struct, frozen=True):
    """The event topic as it is now."""

    topic: str
    topic_id: str
    partition_count: int


class Place(Struct, frozen=True):
    """Fold from `replay_offset`, where the clock stood at `clock`, up to `position` without writing; go live there.

    `gap` is the range of offsets that retention removed before anybody read them; `new_epoch` says that the commit is
    of an earlier one.
    """

    position: int
    replay_offset: int
    clock: int
    metadata: CommitMetadata | None = None
    gap: tuple[int, int] | None = None
    new_epoch: bool = False


async def find_place(  # noqa: PLR0913  # the two by keyword are settings
    reader: LogReader, log: Log, partition: int, committed: Committed | None, *, epoch: int, horizon: int
) -> Place:
    """Where to take up this partition.

    Raises `TopicError` or `ConfigError` when the commit belongs to another log, or to a later epoch.
    """
    start, end = (await reader.bounds({partition}))[partition]
    if committed is None:
        return Place(start, start, NEVER)
    metadata = decode_metadata(committed.metadata)
    if metadata is not None:
        refuse_foreign(log, metadata, epoch)
    if committed.position > end:
        raise TopicError(
            f"{log.topic}/{partition} ends at offset {end}, but the group has committed {committed.position}:"
            " the log was truncated or made anew. Restore it, or start with a new TOUCHPOINT_GROUP"
        )
    gap = (committed.position, start) if committed.position < start else None
    position = max(committed.position, start)
    if metadata is None:
        replay, clock = await one_horizon_before(reader, partition, position, start, horizon), NEVER
    else:
        replay, clock = metadata.replay_offset, metadata.clock
    return Place(position, max(replay, start), clock, metadata, gap, epoch_of(committed) < epoch)


def epoch_of(committed: Committed) -> int:
    """The epoch in which a commit was made; 0 where it does not say."""
    metadata = decode_metadata(committed.metadata)
    return 0 if metadata is None else metadata.epoch


async def one_horizon_before(reader: LogReader, partition: int, position: int, start: int, horizon: int) -> int:
    """Without metadata: the first record less than one horizon older than the last one before the commit."""
    async for records in reader.read(partition, max(position - 1, start), position):
        found = await reader.offset_at(partition, records[-1].timestamp - horizon)
        return position if found is None else min(found, position)
    return start


def refuse_foreign(log: Log, metadata: CommitMetadata, epoch: int) -> None:
    """Raise if a commit was made over another topic, another partition count or a later epoch."""
    if metadata.topic_id != log.topic_id:
        raise TopicError(
            f"{log.topic} was deleted and made anew since the last commit (topic id {log.topic_id}, committed"
            f" {metadata.topic_id}). Start with a new TOUCHPOINT_GROUP"
        )
    if metadata.partition_count != log.partition_count:
        raise TopicError(
            f"{log.topic} has {log.partition_count} partitions, {metadata.partition_count} at the last commit: keys"
            " have moved. Send to a new log with its own TOUCHPOINT_TOPIC_PREFIX"
        )
    if metadata.epoch > epoch:
        raise ConfigError(
            f"the last commit was made in epoch {metadata.epoch}, TOUCHPOINT_EPOCH is {epoch}: rows of a lower epoch"
            f" would never count. Set TOUCHPOINT_EPOCH={metadata.epoch} or higher"
        )


def refuse_other_settings(catalog: Catalog, metadata: CommitMetadata | None, clock: int, epoch: int) -> None:
    """Raise if models, catalog or windows that have already decided were changed within an epoch."""
    if metadata is None or metadata.epoch != epoch or metadata.fingerprint == catalog.fingerprint(clock):
        return
    raise ConfigError(
        "models, touch-points or windows differ from those that decided up to the last commit. Give the change a"
        f" `valid_from` after it, take it back, or start all workers with TOUCHPOINT_EPOCH={epoch + 1} and recompute"
    )
