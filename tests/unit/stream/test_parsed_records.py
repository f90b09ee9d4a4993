"""Whatever a producer named its headers, every record of a fetch comes out once, in order, with its bytes."""

import gc
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import orjson
import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.structs import TopicPartition
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.core.events import RejectReason
from pipeline.core.record import Decoded, Reject
from pipeline.errors import KafkaError
from pipeline.sink.rows import RejectRow
from pipeline.stream.decode import NAMES_MADE_PRINTABLE, Record
from pipeline.stream.parsed_records import SLICE, FetchedBytes, ParsedRecords
from pipeline.stream.rejects import reject_message
from tests.contract.records import PARTITION, STAMP, small_decoder
from tests.raw_records import ABORT, ATTRIBUTES_AT, COMMIT, SPELLINGS, Sent, batch, batch_of, marker, sealed, stamped
from tests.unit.stream.cases import DATA, HEADERS, STRUCTURED

GZIP = 1
DAMAGED = b"x\xff\xfe"
GOOD: Sent = (b"call-1", orjson.dumps(DATA), [(name.encode(), value) for name, value in HEADERS])
BAD: Sent = (*GOOD[:2], [*GOOD[2], (DAMAGED, b"extra")])
BAD_STRUCTURED: Sent = (*GOOD[:2], [*((name.encode(), value) for name, value in STRUCTURED), (DAMAGED, None)])

names = st.binary(max_size=6) | st.text(max_size=4).map(str.encode) | st.sampled_from([b"ce_id", b"\\xff", DAMAGED])
contents = st.none() | st.binary(max_size=10)
sent = st.tuples(contents, contents, st.lists(st.tuples(names, contents), max_size=3))
batches = st.lists(st.lists(sent, min_size=1, max_size=4), min_size=1, max_size=4)
# Of each batch, or end of a transaction: the producer (None: outside of any), and its records or how it ends.
transactions = st.lists(
    st.tuples(st.none() | st.sampled_from([7, 8]), st.lists(st.sampled_from([GOOD, BAD]), min_size=1, max_size=3))
    | st.tuples(st.sampled_from([7, 8]), st.sampled_from([ABORT, COMMIT])),
    max_size=12,
)


def fetched(data: bytes, start: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> ParsedRecords:
    partition = TopicPartition("log", PARTITION)
    return ParsedRecords(partition, FetchedBytes(data), aborted, start, None, None, True, READ_COMMITTED)  # noqa: FBT003


def parsed(data: bytes, start: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> Iterator[Record]:
    (piece,) = fetched(data, start, aborted)
    return (record for records in piece for record in records)


def fetch(groups: Iterable[Sequence[Sent]], codec: int = 0) -> bytes:
    data, offset = b"", 0
    for group in groups:
        data += batch(group, offset, codec=codec)
        offset += len(group)
    return data


def is_text(name: bytes) -> bool:
    try:
        return bool(name.decode() or True)
    except UnicodeDecodeError:
        return False


def expected(records: Iterable[Sent]) -> list[tuple[int, bytes | None, bytes | None, list[Any]]]:
    return [
        (
            offset,
            key,
            value,
            [(name.decode(errors="backslashreplace"), content) for name, content in headers]
            + [NAMES_MADE_PRINTABLE] * (not all(is_text(name) for name, _ in headers)),
        )
        for offset, (key, value, headers) in enumerate(records)
    ]


def seen(records: Iterable[Record]) -> list[tuple[int, bytes | None, bytes | None, list[Any]]]:
    return [(one.offset, one.key, one.value, list(one.headers)) for one in records]


@given(batches, st.sampled_from([0, GZIP]), st.integers(0, 3))
@example([[GOOD, BAD, GOOD], [GOOD]], 0, 0)
@example([[BAD, GOOD], [GOOD, BAD]], GZIP, 1)
def test_every_record_comes_once_in_order_with_its_bytes(groups: list[list[Sent]], codec: int, start: int) -> None:
    everything = [one for group in groups for one in group]
    start %= len(groups[0])  # a broker begins with the batch that holds what was asked for
    assert seen(parsed(fetch(groups, codec=codec), start)) == expected(everything)[start:]


@given(batches, st.integers(0, 3))
@example([[GOOD, BAD, GOOD], [BAD, GOOD]], 1)
def test_a_fetch_is_one_piece_and_the_next_one_begins_behind_it(groups: list[list[Sent]], start: int) -> None:
    start %= len(groups[0])
    found = fetched(fetch(groups), start)
    assert found.next_fetch_offset == start
    assert len(list(found)) == 1
    assert found.next_fetch_offset == sum(map(len, groups))
    assert list(found) == []


def test_an_unfinished_batch_at_the_end_is_left_to_the_next_fetch() -> None:
    whole = batch([GOOD, BAD])
    cut_short = whole + batch([GOOD], 2)[:-1]
    assert [one.offset for one in parsed(cut_short)] == [0, 1]
    found = fetched(cut_short)
    list(found)
    assert found.next_fetch_offset == 2


def test_a_piece_comes_in_slices_that_are_parsed_one_after_another() -> None:
    (piece,) = fetched(batch([GOOD] * (2 * SLICE + 1)))
    assert [len(records) for records in piece] == [SLICE, SLICE, 1]


def test_damaged_records_are_of_the_same_shape_as_others() -> None:
    good, bad = parsed(batch([GOOD, BAD]))
    assert type(bad) is type(good)


@pytest.mark.parametrize("second", [GOOD, BAD])
def test_every_record_bears_the_time_stamp_of_its_batch_if_the_log_stamps_it(second: Sent) -> None:
    data = batch([GOOD, second, GOOD], stamp=500)
    assert [one.timestamp for one in parsed(data)] == [500, 501, 502]
    assert [one.timestamp for one in parsed(stamped(data, 1_000_000))] == [1_000_000] * 3


@pytest.mark.parametrize("read", [0, 1, 2])
def test_what_is_dropped_half_read_frees_its_memory_at_once(read: int) -> None:
    data = FetchedBytes(batch([GOOD] * 2 * SLICE))
    held = weakref.ref(data)
    found = ParsedRecords(TopicPartition("log", PARTITION), data, (), 0, None, None, True, READ_COMMITTED)  # noqa: FBT003
    del data
    gc.disable()
    try:
        (piece,) = found
        assert len(list(islice(piece, read))) == read
        del found, piece
        assert held() is None
    finally:
        gc.enable()


def test_what_was_aborted_is_not_handed_out_also_after_a_damaged_record() -> None:
    aborted = batch([BAD, GOOD], 1, transaction_of=7)
    committed = batch([BAD], 3, transaction_of=8)
    data = batch([BAD]) + aborted + committed
    assert [one.offset for one in parsed(data, aborted=[(7, 1)])] == [0, 3]
    assert [one.offset for one in parsed(data)] == [0, 1, 2, 3]
    data = batch([GOOD], transaction_of=7) + batch([BAD], 1) + batch([GOOD], 2, transaction_of=7)
    assert [one.offset for one in parsed(data, aborted=[(7, 0)])] == [1]


@given(transactions, st.integers(0, 5))
@example([(7, [GOOD]), (7, ABORT), (None, [BAD]), (7, [GOOD]), (7, COMMIT)], 0)
@example([(7, [GOOD]), (None, [GOOD]), (7, ABORT), (None, [BAD]), (7, [BAD]), (7, ABORT), (7, [GOOD])], 0)
def test_of_any_transactions_what_was_committed_comes_once(
    parts: list[tuple[int | None, list[Sent] | bytes]], start: int
) -> None:
    data, offset = b"", 0
    expected: dict[int, list[int]] = {}  # offsets by the offset of the transaction's first batch, -1 outside of any
    running: dict[int, int] = {}
    aborted: list[tuple[int, int]] = []
    for producer, content in parts:
        if isinstance(content, bytes):
            assert producer is not None
            data += marker(content, producer, offset)
            first = running.pop(producer, None)
            if first is not None and content == ABORT:
                aborted.append((producer, first))
                del expected[first]
            offset += 1
            continue
        data += batch(content, offset, transaction_of=producer)
        first = -1 if producer is None else running.setdefault(producer, offset)
        expected.setdefault(first, []).extend(range(offset, offset + len(content)))
        offset += len(content)
    start %= len(parts[0][1]) if parts and isinstance(parts[0][1], list) else 1
    wanted = sorted(offset for offsets in expected.values() for offset in offsets if offset >= start)
    assert [one.offset for one in parsed(data, start, aborted)] == wanted


def test_a_wrong_checksum_ends_reading_where_it_stands_and_says_so() -> None:
    broken = bytearray(batch([GOOD], 2))
    broken[-1] ^= 1
    found = parsed(batch([GOOD, BAD]) + bytes(broken))
    with pytest.raises(KafkaError, match=rf"log/{PARTITION}: the records at offset 2 or soon after cannot be read"):
        list(found)


@pytest.mark.parametrize("record", SPELLINGS.values(), ids=SPELLINGS)
def test_whatever_spelling_a_broker_takes_is_read(record: bytes) -> None:
    assert seen(parsed(batch_of(record))) == [(0, b"k", b"vv", [])]


@pytest.mark.parametrize("length", [b"\xfe\xff\xff\xff\x0f", b"\xfe" + b"\xff" * 8 + b"\x00"])
def test_a_length_beyond_the_batch_is_an_error_of_ours(length: bytes) -> None:
    with pytest.raises(KafkaError, match="cannot be read"):
        list(parsed(batch_of(bytes(3) + length + b"k\x04vv\x00")))


def test_a_record_that_is_longer_than_its_fields_is_an_error_of_ours() -> None:
    with pytest.raises(KafkaError, match="cannot be read"):
        list(parsed(batch_of(SPELLINGS["usual"] + b"\x00")))


@given(st.integers(ATTRIBUTES_AT, 400), st.integers(1, 255), st.sampled_from([0, GZIP]))
@example(ATTRIBUTES_AT + 1, 0x07, 0)
@example(ATTRIBUTES_AT + 1, 0x02, 0)
def test_a_damaged_batch_gives_records_or_an_error_of_ours(place: int, flip: int, codec: int) -> None:
    data = bytearray(batch([GOOD, BAD], codec=codec))
    data[min(place, len(data) - 1)] ^= flip
    try:
        found = list(parsed(sealed(data)))
    except KafkaError:
        return
    assert all(isinstance(one.offset, int) for one in found)


@pytest.mark.parametrize("sent", [BAD, BAD_STRUCTURED, (b"call-1", b"{}", [(DAMAGED, None)])])
def test_a_header_name_that_is_no_text_is_a_malformed_record(sent: Sent) -> None:
    (record,) = parsed(batch([sent], stamp=STAMP))
    outcome = small_decoder().decode(record, PARTITION, 0, ())
    assert outcome == Reject(RejectReason.MALFORMED, "a header's name is not UTF-8")


def test_a_name_that_only_looks_escaped_and_a_null_value_are_accepted() -> None:
    (record,) = parsed(batch([(*GOOD[:2], [*GOOD[2], (b"\\xff", b"1"), (b"extra", None)])], stamp=STAMP))
    assert isinstance(small_decoder().decode(record, PARTITION, 0, ()), Decoded)


def test_a_null_value_of_an_attribute_is_a_missing_attribute() -> None:
    headers = [(name, None if name == b"ce_id" else value) for name, value in GOOD[2]]
    (record,) = parsed(batch([(*GOOD[:2], headers)], stamp=STAMP))
    outcome = small_decoder().decode(record, PARTITION, 0, ())
    assert outcome == Reject(RejectReason.MALFORMED, "the CloudEvents attribute `id` is missing or empty")


def test_a_reject_keeps_the_record_and_its_own_headers_only() -> None:
    (record,) = parsed(batch([BAD]))
    row = RejectRow(
        topic_id="id", topic="log", partition=1, offset=0, reason=RejectReason.MALFORMED, detail="", stamp=1, size=1,
        hash="",
    )  # fmt: skip
    message = reject_message(row, record)
    kept = [(name, value) for name, value in message.headers if not name.startswith("reject_")]
    assert kept == [*HEADERS, ("x\\xff\\xfe", b"extra")]
    assert (message.value, dict(message.headers)["reject_key"]) == (GOOD[1], b"call-1")
