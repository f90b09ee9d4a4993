"""What a commit says: the durable position of a shard, and from where its held state can be rebuilt.

Owns the metadata format that stands beside the offset in Kafka; must not know how it is stored there.
"""

from typing import Final

import msgspec
from msgspec import Struct

FORMAT: Final = 1


class Mark(Struct, frozen=True):
    """Where a shard stands: everything before `position` is folded.

    Its state can be rebuilt from `replay_offset`, where the clock stood at `replay_clock`. Clocks in epoch ms, -1
    before the first record.
    """

    position: int
    replay_offset: int
    replay_clock: int
    clock: int


class CommitMetadata(Struct, frozen=True, rename={"replay_offset": "replay", "partition_count": "partitions"}):
    """The text beside a committed offset. `fingerprint` covers the settings that decided up to this position."""

    replay_offset: int
    clock: int
    topic_id: str
    partition_count: int
    epoch: int
    fingerprint: str
    format: int = FORMAT


def encode_metadata(metadata: CommitMetadata) -> str:
    """The text to commit, well below Kafka's limit of 4,096 bytes."""
    return msgspec.json.encode(metadata).decode()


def decode_metadata(text: str) -> CommitMetadata | None:
    """The metadata in a commit; None when it is missing, foreign or of another format."""
    try:
        metadata = msgspec.json.decode(text, type=CommitMetadata)
    except msgspec.DecodeError:
        return None
    return metadata if metadata.format == FORMAT else None
