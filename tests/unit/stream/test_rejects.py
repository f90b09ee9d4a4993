"""What the table says of a record that could not be used: whose it is, when that can be read, and never its payload."""

import orjson
import pytest

from pipeline.core import envelope
from pipeline.core.events import RejectReason
from pipeline.core.record import Rejection
from pipeline.sink.rows import LogPartition, RejectRow
from pipeline.stream.decode import NAMES_MADE_PRINTABLE
from pipeline.stream.rejects import MAX_READ_BYTES, reject_row, source_of
from tests.contract.records import Header, kafka_record
from tests.unit.stream.cases import DATA, ENVELOPE, HEADERS, STRUCTURED

BINARY: dict[str, bytes | None] = dict(HEADERS)
LONGEST = b"s" * envelope.MAX_ATTRIBUTE_BYTES


def source(value: bytes | None, headers: list[Header]) -> str:
    return source_of(kafka_record(b"call-1", value, headers))


def named(name: bytes | None) -> str:
    return source(b"{", [*BINARY.items(), ("ce_source", name)])


@pytest.mark.parametrize("text", ["urn:bank:core", "//branch/042/teller", "Schalter Zürich", LONGEST.decode()])
def test_a_readable_source_is_told_in_both_modes(text: str) -> None:
    assert named(text.encode()) == text
    assert source(orjson.dumps(ENVELOPE | {"source": text}), STRUCTURED) == text


@pytest.mark.parametrize("name", [None, b"", LONGEST + b"s", b"\xff\xfe", b"two\nlines", b"\x1b[31mred", b"nul\x00"])
def test_what_is_no_readable_source_is_left_out(name: bytes | None) -> None:
    assert named(name) == ""


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"source": 7}',
        b'{"source": null}',
        b'{"source": "\\ud800"}',
        b'{"data": ' + b"[" * 500_000,
        b'{"data": ' + b"[" * 200_000 + b"]" * 200_000 + b', "source": "deep"}',
        orjson.dumps(ENVELOPE | {"data": "x" * MAX_READ_BYTES}),
    ],
)
def test_an_envelope_that_cannot_be_read_has_no_source(value: bytes | None) -> None:
    assert source(value, STRUCTURED) == ""


def test_data_that_has_a_source_of_its_own_is_not_asked_for_it() -> None:
    value = orjson.dumps(DATA | {"source": "customer 4711"})
    assert source(value, HEADERS) == ENVELOPE["source"]
    assert source(value, [*HEADERS, NAMES_MADE_PRINTABLE]) == ENVELOPE["source"]


def test_a_line_of_the_table_holds_place_reason_and_source() -> None:
    record = kafka_record(b"call-1", b"{", HEADERS, offset=7, stamp=8)
    rejection = Rejection(record.offset, RejectReason.MALFORMED, "not JSON", record)
    row = reject_row(LogPartition("calls.events", "topic-one", 3), rejection, record)
    assert row == RejectRow(
        topic_id="topic-one", topic="calls.events", partition=3, offset=7, reason=RejectReason.MALFORMED,
        detail="not JSON", source="test/source", stamp=8, size=1,
        hash="021fb596db81e6d02bf3d2586ee3981fe519f275c0ac9ca76bbcf2ebb4097d96",
    )  # fmt: skip
