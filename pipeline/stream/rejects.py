"""Records that could not be used, as they go to the topic of rejects (whole) and to the table (without payload)."""

from typing import Final

from pipeline.core.record import Rejection
from pipeline.sink.rows import LogPartition, RejectRow, payload_hash
from pipeline.stream.decode import NAMES_MADE_PRINTABLE, Record
from pipeline.stream.reject_sender import Message

ROOM_BYTES: Final = 64 * 1024  # what the topic of rejects allows beyond the inputs' limit, for the headers below
HEAD_BYTES: Final = 1024


def reject_row(where: LogPartition, rejection: Rejection, record: Record) -> RejectRow:
    """The line in `rejected_events`: reason, place, size and hash, never the payload."""
    value = record.value
    return RejectRow(
        topic_id=where.topic_id,
        topic=where.topic,
        partition=where.partition,
        offset=rejection.offset,
        reason=rejection.reason,
        detail=rejection.detail,
        stamp=record.timestamp,
        size=len(value or b""),
        hash=payload_hash(value),
    )


def reject_message(row: RejectRow, record: Record | None) -> Message:
    """The message to the topic of rejects: original bytes and headers, and `reject_*` headers that say why and where.

    A row that ClickHouse refused stands for several records: its message has no value, only their place.
    """
    origins = record.headers if record is not None else ()
    headers = [(one[0], one[1] or b"") for one in origins if one is not NAMES_MADE_PRINTABLE]
    headers += [
        ("reject_reason", row.reason.encode()),
        ("reject_detail", row.detail.encode()),
        ("reject_topic", row.topic.encode()),
        ("reject_partition", str(row.partition).encode()),
        ("reject_offset", str(row.offset).encode()),
        ("reject_timestamp", str(row.stamp).encode()),
    ]
    if record is not None and record.key is not None:
        headers.append(("reject_key", record.key))
    return Message(origin(row), None if record is None else record.value, headers)


def shortened(row: RejectRow, message: Message) -> Message:
    """What is kept of a record that does not fit even here: head, length and hash."""
    value = message.value or b""
    reasons = [
        (name, content) for name, content in message.headers if name.startswith("reject_") and name != "reject_key"
    ]
    kept = [("reject_length", str(len(value)).encode()), ("reject_sha256", row.hash.encode())]
    return Message(origin(row), value[:HEAD_BYTES], reasons + kept)


def origin(row: RejectRow) -> bytes:
    """The key of a reject: where its record stood."""
    return f"{row.topic}/{row.partition}/{row.offset}".encode()
