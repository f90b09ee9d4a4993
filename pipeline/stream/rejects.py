"""Records that could not be used, as they go to the topic of rejects (whole) and to the table (without payload)."""

from typing import Final

import msgspec
from msgspec import Struct

from pipeline.core import envelope
from pipeline.core.record import Rejection
from pipeline.sink.rows import LogPartition, RejectRow, payload_hash
from pipeline.stream.decode import NAMES_MADE_PRINTABLE, STRUCTURED_JSON, Record
from pipeline.stream.identify import is_text
from pipeline.stream.reject_sender import Message

ROOM_BYTES: Final = 64 * 1024  # what the topic of rejects allows beyond the inputs' limit, for the headers below
HEAD_BYTES: Final = 1024
MAX_READ_BYTES: Final = 1 << 20  # what a longer value says of its source is not worth the reading


class _Sender(Struct):
    source: str = ""


_SENDER: Final = msgspec.json.Decoder(_Sender)


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
        source=source_of(record),
        stamp=record.timestamp,
        size=len(value or b""),
        hash=payload_hash(value),
    )


def source_of(record: Record) -> str:
    """The CloudEvents `source` in either mode: printable text of at most `MAX_ATTRIBUTE_BYTES`, else empty."""
    headers = dict(record.headers)
    source = headers.get(envelope.SOURCE_HEADER) or b""
    if (headers.get(envelope.CONTENT_TYPE_HEADER) or b"").partition(b";")[0].strip().lower() == STRUCTURED_JSON:
        source = _source_in(record.value or b"")
    if len(source) > envelope.MAX_ATTRIBUTE_BYTES or not is_text(source):
        return ""
    text = source.decode()
    return text if text.isprintable() else ""


def _source_in(value: bytes) -> bytes:
    if len(value) > MAX_READ_BYTES:
        return b""
    try:
        return _SENDER.decode(value).source.encode()
    except (ValueError, RecursionError):  # no JSON, too deep, no object, or a source that is no text
        return b""


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
