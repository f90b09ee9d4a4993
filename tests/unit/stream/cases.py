"""One call-center event in both modes, and how to decode it with changes."""

from collections.abc import Collection
from typing import Any

import orjson

from pipeline.core.record import Decoded, Reject
from tests.contract.records import PARTITION, SOURCE, STAMP, Header, kafka_record, small_decoder

Fields = dict[str, Any]
DATA: Fields = {
    "interaction": "call-1", "touch_point": "call_center/retail/line", "time": STAMP - 1000, "queue": "retail",
}  # fmt: skip
TYPE = b"touchpoint.call_center.queued.v1"
HEADERS: list[Header] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"id-1"),
    ("ce_type", TYPE),
    ("ce_source", SOURCE.encode()),
    ("content-type", b"application/json"),
]
STRUCTURED: list[Header] = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
ENVELOPE: Fields = {"specversion": "1.0", "id": "id-1", "type": TYPE.decode(), "source": SOURCE, "data": DATA}


def decode(
    value: bytes | None, headers: Collection[Header] = HEADERS, key: bytes | None = b"call-1", clock: int = 0
) -> Decoded | Reject:
    return small_decoder().decode(kafka_record(key, value, headers), PARTITION, clock, ())


def binary(**changes: object) -> Decoded | Reject:
    return decode(orjson.dumps({**DATA, **changes}))


def structured(**changes: object) -> Decoded | Reject:
    return decode(orjson.dumps({**ENVELOPE, **changes}), STRUCTURED)


def accepted(result: Decoded | Reject) -> Decoded:
    assert isinstance(result, Decoded), result
    return result


def without(fields: Fields, name: str) -> bytes:
    return orjson.dumps({each: value for each, value in fields.items() if each != name})
