"""Makes the Kafka client hand out the records of its parser as they are, damaged ones included.

Owns every private name of the client that we use; tests/integration/test_kafka_client.py fails when one of them is
gone or means something else. Must not know what a record means.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecord, DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy
from aiokafka.structs import TopicPartition

from pipeline.errors import KafkaError
from pipeline.stream.decode import NAMES_MADE_PRINTABLE, Record

STRICT: Final = "utf-8"


def hand_out_parsed_records() -> None:
    """Let all consumers of this process read records as `ParsedRecords` does."""
    fetcher.MemoryRecords = FetchedBytes
    fetcher.PartitionRecords = ParsedRecords


class FetchedBytes(MemoryRecords):  # type: ignore[misc]  # aiokafka is untyped
    """What a fetch brought of one partition; `data` stays at hand to be read once more."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class ParsedRecords:
    """The records of a fetch: the parser's own, instead of a `ConsumerRecord` built of each.

    That pays with a third of the worker's CPU (tests/bench). The client's parser stops for ever at a header name that
    is not UTF-8; here such a record comes with its names made printable and a last header that tells decoding so.
    """

    def __init__(self, *fetched: Any) -> None:  # noqa: ANN401  # as the client's own class
        self._reading = _Reading(*fetched)
        self._records = self._reading.hand_over()

    def __iter__(self) -> Iterator[Record]:
        # The client would ask this generator through one more call for every record.
        return self._records

    def __next__(self) -> Record:
        return next(self._records)

    @property
    def next_fetch_offset(self) -> int:
        """Where to fetch from next."""
        offset: int = self._reading.next_fetch_offset
        return offset


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
    """The batches from the one that holds `offset` on, each read by the client's slower parser in Python."""

    def __init__(self, data: bytes, offset: int) -> None:
        super().__init__(data)
        while self.has_next() and DefaultRecordBatch(self._next_slice).next_offset <= offset:
            self.next_batch()

    def next_batch(self) -> Any:  # noqa: ANN401  # aiokafka is untyped
        batch = _TolerantBatch(self._next_slice)
        super().next_batch()
        return batch


class _TolerantBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka is untyped
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _TolerantBytes(self._buffer)

    def __next__(self) -> Record:
        record = super().__next__()
        headers = [(_printable(name), value) for name, value in record.headers]
        if headers != record.headers:
            headers.append(NAMES_MADE_PRINTABLE)
        parsed: Record = DefaultRecord(
            record.offset, record.timestamp, record.timestamp_type, record.key, record.value, headers
        )
        return parsed


class _TolerantBytes(bytearray):
    """Bytes whose slices decode also where they are no UTF-8, to a text that is no valid one."""

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401  # int for int, bytes for slice
        found = super().__getitem__(place)
        return _TolerantBytes(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = STRICT, _errors: str = "strict") -> str:
        return super().decode(encoding, "surrogateescape")


def _printable(name: str) -> str:
    return name.encode(STRICT, "surrogateescape").decode(STRICT, "backslashreplace")
