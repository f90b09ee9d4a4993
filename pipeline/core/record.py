"""What a record of the log becomes once decoded: an event in its place, or a reject with its reason.

Owns the shapes that pass between decoding, the shard and the sink; must not know Kafka.
"""

from typing import final

from msgspec import Struct

from pipeline.core.catalog import TouchPoint
from pipeline.core.events import Event, RejectReason
from pipeline.core.side_events import SideEvent


class Decoded(Struct, gc=False):
    """An event and its place.

    `stamp` is the record's Kafka time stamp and `time` the event's own, both in epoch ms; `key` the event's identity
    (source and id), `digest` a hash of its bytes that is comparable within this process only.
    `touch_point` is None for operations.
    """

    offset: int
    stamp: int
    time: int
    interaction: str
    key: str
    digest: int
    event: Event
    touch_point: TouchPoint | None
    unknown_fields: bool = False


class DecodedSide(Struct, gc=False):
    """An event from beside the log, known by its source and id. `time` is its own in epoch ms, as in `event`."""

    time: int
    source: str
    event_id: str
    event: SideEvent
    unknown_fields: bool = False


@final
class Reject(Struct, frozen=True, gc=False):
    """Why a record cannot be used; `detail` is a field path or a sentence, never content of the record."""

    reason: RejectReason
    detail: str


class Rejection(Struct, frozen=True, gc=False):
    """A reject and the record it is about: `origin` is the record as the log's client gave it."""

    offset: int
    reason: RejectReason
    detail: str
    origin: object
