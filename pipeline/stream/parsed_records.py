"""Makes the Kafka client hand out the records of its parser as they are, piece by piece, damaged ones included.

Owns every private name of the client that we use; tests/integration/test_kafka_client.py fails when one of them is
gone or means something else. Must not know what a record means.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecord, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy
from aiokafka.structs import TopicPartition

from pipeline.errors import KafkaError
from pipeline.stream.decode import NAMES_MADE_PRINTABLE, Record

SLICE: Final = 50
INT: Final = 32
LONG: Final = 64


def hand_out_parsed_records() -> None:
    """Let all consumers of this process read records as `ParsedRecords` does."""
    fetcher.MemoryRecords = FetchedBytes
    fetcher.PartitionRecords = ParsedRecords


class FetchedBytes(MemoryRecords):  # type: ignore[misc]  # aiokafka is untyped
    """What a fetch brought of one partition; `data` stays at hand to be read once more."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class Piece:
    """The records of one partition that one fetch brought, in order, as lists of at most `SLICE` records.

    They are parsed while they are read, and freed one slice after another: to parse a whole fetch first costs a sixth
    of the worker's CPU, because everything has left the processor's caches before it is decoded (tests/bench). To be
    read once. Reading raises `KafkaError` when the log is damaged.
    """

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records

    def __iter__(self) -> Iterator[Sequence[Record]]:
        while records := list(islice(self._records, SLICE)):
            yield records


class ParsedRecords:
    """What a fetch brought of one partition: handed out as one piece of the parser's own records.

    To build a `ConsumerRecord` of each would cost a third of the worker's CPU (tests/bench). The client's parser stops
    for ever at a header name that is not UTF-8; here such a record comes with its names made printable and a last
    header that tells decoding so.
    """

    def __init__(self, topic_partition: TopicPartition, fetched: "FetchedBytes", *how: Any) -> None:  # noqa: ANN401
        reading = _Reading(topic_partition, fetched, *how)
        self.next_fetch_offset: int = reading.next_fetch_offset
        self._end = max(end_of(fetched.data), self.next_fetch_offset)
        self._piece: Piece | None = Piece(reading.hand_over())

    def __iter__(self) -> Iterator[Piece]:
        """The piece, once; then it is the next fetch's turn."""
        piece, self._piece = self._piece, None
        self.next_fetch_offset = self._end
        return iter(() if piece is None else (piece,))


def end_of(data: bytes) -> int:
    """The offset after the last whole batch, as far as headers can be read; 0 if there is none."""
    batches, end = MemoryRecords(data), 0
    with suppress(Exception):  # reading the records raises what is to be said of it
        while batches.has_next():
            end = batches.next_batch().next_offset
    return end


class _Reading(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka is untyped
    _records: Any
    _records_iterator: Any

    def hand_over(self) -> Iterator[Record]:
        """The records. If this held them, too, a fetch that is dropped half read would keep its memory for long."""
        records: Iterator[Record] = self._records_iterator
        self._records_iterator = None
        return records

    def _unpack_records(self) -> Iterator[Record]:
        with suppress(Exception):  # whatever it is, the second reading copes with it or raises it again
            yield from super()._unpack_records()
            return
        try:
            self._records = _TolerantRecords(self._records.data, self.next_fetch_offset)
            yield from super()._unpack_records()
        except Exception as error:
            raise KafkaError(
                f"{self._tp.topic}/{self._tp.partition}: the records at offset {self.next_fetch_offset} or soon after"
                f" cannot be read ({error!r}): restore them from a replica, or remove them with kafka-delete-records,"
                " which the worker reports as a data gap"
            ) from error

    def _consumer_record(self, _partition: TopicPartition, record: Record) -> Record:
        return record


class _TolerantRecords(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka is untyped
    """The batches from the one that holds `offset` on."""

    def __init__(self, data: bytes, offset: int) -> None:
        super().__init__(data)
        while self.has_next() and _DefaultRecordBatchPy(self._next_slice).next_offset <= offset:
            self.next_batch()

    def next_batch(self) -> Any:  # noqa: ANN401  # aiokafka is untyped
        batch = _TolerantBatch(self._next_slice)
        super().next_batch()
        return batch


class _TolerantBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka is untyped
    """Reads each record as the broker did when it took it, so that nothing which the broker takes cannot be read.

    Slower than the client's compiled parser by far. Apart from names, that one refuses numbers of more bits than they
    may have, where the broker drops the bits; the client's parser in Python reads beyond its memory then.
    """

    _buffer: bytearray
    _pos: int

    def _read_msg(self) -> Record:
        data = _Cursor(self._buffer, self._pos)
        end = data.number() + data.position
        data.position += 1  # flags without a meaning so far
        since_first = data.number(LONG)
        stamped_by_log = self.timestamp_type == self.LOG_APPEND_TIME
        stamp = self.max_timestamp if stamped_by_log else self.first_timestamp + since_first
        offset = self.base_offset + data.number()
        key, value = data.content(), data.content()
        named = [(data.content() or b"", data.content()) for _ in range(data.number())]
        if data.position != end:
            raise CorruptRecordException(f"a record ends at byte {data.position}, not at {end}")
        self._pos = end
        headers = [(name.decode(errors="backslashreplace"), content) for name, content in named]
        if any(name.encode() != raw for (name, _), (raw, _) in zip(headers, named, strict=True)):
            headers.append(NAMES_MADE_PRINTABLE)
        record: Record = DefaultRecord(offset, stamp, self.timestamp_type, key, value, headers)
        return record


class _Cursor:
    """Reads the two kinds of fields that a record has. Raises IndexError beyond the end."""

    def __init__(self, data: bytearray, position: int) -> None:
        self.position = position
        self._data = data

    def number(self, bits: int = INT) -> int:
        """Seven bits a byte, lowest first, sign in the lowest bit; what is beyond `bits` does not count."""
        number = shift = 0
        more = True
        while more:
            byte = self._data[self.position]
            self.position += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            more = byte > 0x7F  # noqa: PLR2004  # the highest bit
        number &= (1 << bits) - 1
        return (number >> 1) ^ -(number & 1)

    def content(self) -> bytes | None:
        """Its length first; null if that is negative."""
        length = self.number()
        if length < 0:
            return None
        start, self.position = self.position, self.position + length
        return bytes(self._data[start : self.position])
