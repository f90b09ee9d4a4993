"""Writes an event as a CloudEvent in binary mode: key, value and headers of a Kafka record.

Owns the bytes that our own producers send; `stream/decode.py` and `decode_side.py` read them back. Must not know the
Kafka client.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from pipeline.core import envelope
from pipeline.core.events import EPOCH, OPERATION_TYPE, Event, Operation, event_time, milliseconds, type_name
from pipeline.core.side_events import Condition, Feedback, SideEvent, side_type_name

Headers = list[tuple[str, bytes]]


def encode(event: Event, channel: str | None, event_id: str, source: str) -> tuple[bytes, bytes, Headers]:
    """Key, value and headers of one event; operations have no channel, for any other event None is a ValueError.

    Defaults are left out and times are epoch milliseconds. The caller owns the list of headers and may add to it.
    Values are not checked against the schema: what breaks it becomes a reject.
    """
    headers = _constant_headers(type(event), channel, source)
    return event.interaction.encode(), *_content(event, event_time(event), event_id, headers)


def encode_side(event: SideEvent, event_id: str, source: str) -> tuple[bytes, bytes, Headers]:
    """Key, value and headers of an event for its topic beside the log, as `encode` does for the log.

    The key is `subject/kind` of a condition, the interaction of feedback, the customer of an outcome or else its
    interaction.
    """
    time: Any = event.time
    if type(time) is not int:
        time = milliseconds(time)
    return side_key(event).encode(), *_content(event, time, event_id, _constant_side_headers(type(event), source))


def side_key(event: SideEvent) -> str:
    """By what its topic is keyed."""
    if isinstance(event, Condition):
        return event.key
    if isinstance(event, Feedback):
        return event.interaction
    return event.customer or event.interaction or ""


def _content(
    event: Event | SideEvent, time: int, event_id: str, constant_headers: tuple[tuple[str, bytes], ...]
) -> tuple[bytes, Headers]:
    data = msgspec.to_builtins(event)
    data["time"] = time
    headers = [(envelope.ID_HEADER, event_id.encode()), (envelope.TIME_HEADER, _rfc3339(time)), *constant_headers]
    return orjson.dumps(data), headers


@lru_cache(maxsize=1024)
def _constant_headers(event_class: type[Event], channel: str | None, source: str) -> tuple[tuple[str, bytes], ...]:
    if event_class is Operation:
        name = OPERATION_TYPE
    elif channel:
        name = type_name(channel, event_class.kind)
    else:
        msg = f"an event of kind {event_class.kind} needs its channel"
        raise ValueError(msg)
    return _headers(name, envelope.schema_name(event_class.kind, event_class.schema_version), source)


@lru_cache(maxsize=1024)
def _constant_side_headers(event_class: type[SideEvent], source: str) -> tuple[tuple[str, bytes], ...]:
    schema = envelope.schema_name(event_class.kind_name, event_class.schema_version)
    return _headers(side_type_name(event_class), schema, source)


def _headers(name: str, schema: str, source: str) -> tuple[tuple[str, bytes], ...]:
    return (
        (envelope.SPEC_VERSION_HEADER, envelope.SPEC_VERSION.encode()),
        (envelope.TYPE_HEADER, name.encode()),
        (envelope.SOURCE_HEADER, source.encode()),
        (envelope.SCHEMA_HEADER, schema.encode()),
        (envelope.CONTENT_TYPE_HEADER, envelope.JSON.encode()),
    )


def _rfc3339(time: int) -> bytes:
    return (EPOCH + timedelta(milliseconds=time)).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
