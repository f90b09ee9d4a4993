"""Records that no client of good manners would send: headers named by any bytes, batches with any attributes."""

import struct
from collections.abc import Iterable, Sequence
from typing import Final, Self

from aiokafka.record.util import calc_crc32c
from kafka.record.default_records import DefaultRecordBatchBuilder

LOG_APPEND_TIME: Final = 0x08
CONTROL: Final = 0x20
ABORT, COMMIT = b"\x00\x00\x00\x00", b"\x00\x00\x00\x01"
LENGTH_AT, CRC_AT, ATTRIBUTES_AT, MAX_TIMESTAMP_AT, RECORDS_AT = 8, 17, 21, 35, 61
# A record with key `k`, value `vv` and no headers, in ways that no client writes, but a broker takes.
SPELLINGS: Final = {
    "usual": b"\x00\x00\x00\x02k\x04vv\x00",
    "long number": b"\x00\x00\x00\x82\x80\x80\x80\x00k\x04vv\x00",
    "number beyond 32 bits": b"\x00\x00\x00\x82\x80\x80\x80\x10k\x04vv\x00",
    "number far beyond 32 bits": b"\x00\x00\x00\x02k\x84\x80\x80\x80\x70vv\x00",
}

Sent = tuple[bytes | None, bytes | None, Sequence[tuple[bytes, bytes | None]]]


class RawName(str):
    """A header's name whose bytes need not be UTF-8, for kafka-python to encode."""

    __slots__ = ("raw",)
    raw: bytes

    def __new__(cls, raw: bytes) -> Self:
        name = super().__new__(cls, raw.decode("latin-1"))
        name.raw = raw
        return name

    def encode(self, *_: str) -> bytes:
        return self.raw


def batch(
    records: Iterable[Sent],
    base_offset: int = 0,
    *,
    stamp: int = 1,
    codec: int = 0,
    transaction_of: int | None = None,
) -> bytes:
    """A batch as a broker keeps it; `stamp` grows by one with each record."""
    producer = -1 if transaction_of is None else transaction_of
    builder = DefaultRecordBatchBuilder(2, codec, transaction_of is not None, producer, 0, 0, 1 << 24)
    for number, (key, value, headers) in enumerate(records):
        builder.append(number, stamp + number, key, value, [(RawName(name), content) for name, content in headers])
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base_offset)
    return sealed(data)


def marker(key: bytes, producer: int, offset: int) -> bytes:
    """The batch by which a broker ends a transaction: `key` says how."""
    data = bytearray(batch([(key, bytes(6), [])], offset, transaction_of=producer))
    data[ATTRIBUTES_AT + 1] |= CONTROL
    return sealed(data)


def stamped(data: bytes, appended_at: int) -> bytes:
    """The batch with the log's own time stamp."""
    changed = bytearray(data)
    changed[ATTRIBUTES_AT + 1] |= LOG_APPEND_TIME
    struct.pack_into(">q", changed, MAX_TIMESTAMP_AT, appended_at)
    return sealed(changed)


def sealed(data: bytearray) -> bytes:
    """With the checksum that belongs to it."""
    struct.pack_into(">I", data, CRC_AT, calc_crc32c(bytes(data[ATTRIBUTES_AT:])))
    return bytes(data)


def batch_of(record: bytes) -> bytes:
    """A batch that holds these bytes as its only record."""
    data = bytearray(batch([(b"", b"", [])]))[:RECORDS_AT] + bytes([2 * len(record)]) + record
    struct.pack_into(">i", data, LENGTH_AT, len(data) - LENGTH_AT - 4)
    return sealed(data)
