"""Decodes the records of the topics beside the log: conditions, feedback, outcomes.

Owns what only these topics ask of a record; how a CloudEvent is read is `decode.py`'s. Must not know the Kafka client,
the tables, or how conditions are joined. Nothing that a producer can write makes it raise.
"""

from functools import cache
from typing import Any, Final

from pipeline.core import envelope
from pipeline.core.conditions import LATEST, ConditionRecord
from pipeline.core.events import MAX_MILLISECONDS, RejectReason, milliseconds
from pipeline.core.record import DecodedSide, Reject
from pipeline.core.side_events import SIDE_EVENTS, Condition, SideEvent, side_type_name
from pipeline.stream.decode import NO_TEXT_KEY, OUTSIDE, EventReader, Record, too_far_ahead
from pipeline.stream.identify import is_text, reading

FOREIGN_KEY: Final = Reject(
    RejectReason.MISPLACED,
    "the key is not `subject/kind`: set it so, or compaction removes the values of other conditions",
)


def decode_side(record: Record, topic_kind: str, max_record_bytes: int, max_ahead_ms: int) -> DecodedSide | Reject:
    """Decode a record of the topic `conditions`, `feedback` or `outcomes`; never raises.

    Values longer than `max_record_bytes`, and events more than `max_ahead_ms` ahead of their record's time stamp, are
    rejected.
    """
    read = _reader(topic_kind, max_record_bytes).read(record)
    if isinstance(read, Reject):
        return read
    _, identity, event, unknown_fields = read
    time: Any = event.time
    if type(time) is not int:
        time = event.time = milliseconds(time)
        if not 0 <= time <= MAX_MILLISECONDS:
            return OUTSIDE
    if time - record.timestamp > max_ahead_ms:
        return too_far_ahead(max_ahead_ms)
    if isinstance(event, Condition) and record.key != event.key.encode():
        return NO_TEXT_KEY if record.key is not None and not is_text(record.key) else FOREIGN_KEY
    source, _, event_id = identity.partition(envelope.IDENTITY_SEPARATOR)
    return DecodedSide(time, source, event_id, event, unknown_fields)


def condition_record(decoded: DecodedSide, offset: int, stamp: int) -> ConditionRecord:
    """A decoded condition in its place, as shards take it; TypeError for any other event."""
    condition = decoded.event
    if not isinstance(condition, Condition):
        msg = f"no condition: {type(condition).__name__}"
        raise TypeError(msg)
    valid_for = condition.valid_for
    valid_until = LATEST if valid_for is None else decoded.time + round(valid_for * 1000)
    return ConditionRecord(offset, stamp, condition.subject, condition.kind, decoded.time, condition.value, valid_until)


@cache
def _reader(topic_kind: str, max_record_bytes: int) -> EventReader[SideEvent]:
    event_class = SIDE_EVENTS[topic_kind]
    name = side_type_name(event_class)
    event_type = reading(name, event_class.kind_name, event_class)
    return EventReader({name: event_type}.get, max_record_bytes)
