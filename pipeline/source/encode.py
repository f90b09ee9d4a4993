"""Writes an event as a CloudEvent in binary mode: key, value and headers of a Kafka record.

Owns the bytes that our own producers send; `stream/decode.py` reads them back. Must not know the Kafka client.
"""

from datetime import timedelta
from functools import lru_cache

import msgspec
import orjson

from pipeline.core import envelope
from pipeline.core.events import EPOCH, OPERATION_TYPE, Event, Operation, event_time, type_name

Headers = list[tuple[str, bytes]]


def encode(event: Event, channel: str | None, event_id: str, source: str) -> tuple[bytes, bytes, Headers]:
    """Key, value and headers of one event; operations have no channel, for any other event None is a ValueError.

    Defaults are left out and times are epoch milliseconds. The caller owns the list of headers and may add to it.
    Values are not checked against the schema: what breaks it becomes a reject.
    """
    time = event_time(event)
    data = msgspec.to_builtins(event)
    data["time"] = time
    headers = [
        (envelope.ID_HEADER, event_id.encode()),
        (envelope.TIME_HEADER, _rfc3339(time)),
        *_constant_headers(type(event), channel, source),
    ]
    return event.interaction.encode(), orjson.dumps(data), headers


@lru_cache(maxsize=1024)
def _constant_headers(event_class: type[Event], channel: str | None, source: str) -> tuple[tuple[str, bytes], ...]:
    if event_class is Operation:
        name = OPERATION_TYPE
    elif channel:
        name = type_name(channel, event_class.kind)
    else:
        msg = f"an event of kind {event_class.kind} needs its channel"
        raise ValueError(msg)
    return (
        (envelope.SPEC_VERSION_HEADER, envelope.SPEC_VERSION.encode()),
        (envelope.TYPE_HEADER, name.encode()),
        (envelope.SOURCE_HEADER, source.encode()),
        (envelope.SCHEMA_HEADER, envelope.schema_name(event_class.kind, event_class.schema_version).encode()),
        (envelope.CONTENT_TYPE_HEADER, envelope.JSON.encode()),
    )


def _rfc3339(time: int) -> bytes:
    return (EPOCH + timedelta(milliseconds=time)).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
