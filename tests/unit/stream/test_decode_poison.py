"""Nothing that a producer can write makes decoding raise, and nothing of it shows in a detail."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.core.events import MAX_MILLISECONDS
from pipeline.core.record import Decoded, Reject
from tests.contract.records import KINDS, PARTITION, STAMP, Header, encoded, kafka_record, small_decoder
from tests.unit.stream.cases import DATA, ENVELOPE, HEADERS, STRUCTURED, binary

DECODER = small_decoder(max_bytes=10_000_000)
CANARY = "Canary-4711"
ODD_NUMBERS = st.sampled_from([2**31, 2**53 + 1, 2**63, 2**64 - 1, -(2**63), 0.1, 1e308, 5e-324, -0.0])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | ODD_NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
HEADER_NAMES = st.sampled_from([name for name, _ in HEADERS] + ["ce_time", "ce_dataschema", "traceparent"]) | st.text()
HEADER_VALUES = st.none() | st.binary(max_size=40) | st.sampled_from([value for _, value in HEADERS])
FILLER = b'{"interaction":"call-1","touch_point":"call_center/retail/line","time":%d,%s}'
POISON = {
    "nested arrays": FILLER % (STAMP, b'"queue":' + b"[" * 1_000_000),
    "nested arrays in an unknown field": FILLER % (STAMP, b'"new":' + b"[" * 1_000_000),
    "nested and closed": FILLER % (STAMP, b'"new":' + b"[" * 900 + b"]" * 900),
    "nested objects": b'{"a":' * 200_000,
    "duplicate keys": FILLER % (STAMP, b'"time":"x","time":1'),
    "huge integer": FILLER % (STAMP, b'"attempt":' + b"9" * 100_000),
    "huge integer in an unknown field": FILLER % (STAMP, b'"new":' + b"9" * 5_000),
    "tiny float": FILLER % (STAMP, b'"estimated_wait":1e-99999'),
    "huge float": FILLER % (STAMP, b'"estimated_wait":1e999'),
    "infinity": FILLER % (STAMP, b'"estimated_wait":Infinity'),
    "long string": FILLER % (STAMP, b'"queue":"' + b"x" * 1_000_000 + b'"'),
    "long name": FILLER % (STAMP, b'"' + b"x" * 1_000_000 + b'":1'),
    "null bytes": b"\x00" * 1000,
    "null in a string": FILLER % (STAMP, b'"queue":"\x00"'),
    "escaped null": FILLER % (STAMP, b'"queue":"\\u0000"'),
    "UTF-16": orjson.dumps(DATA).decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + orjson.dumps(DATA),
    "overlong encoding": FILLER % (STAMP, b'"queue":"\xc0\x80"'),
    "endless time": FILLER % (STAMP, b'"time":"' + b"9" * 1000 + b'-01-01T00:00:00Z"'),
}


def check(key: bytes | None, value: bytes | None, headers: list[Header]) -> Decoded | Reject:
    result = DECODER.decode(kafka_record(key, value, headers), PARTITION, 0, ())
    if isinstance(result, Decoded):
        assert result.interaction.encode() == key
        assert result.event.time == result.time
        assert 0 <= result.time <= MAX_MILLISECONDS
        result.key.encode()
    else:
        assert isinstance(result, Reject)
        assert len(result.detail) < 250
    return result


@pytest.mark.parametrize("headers", [HEADERS, STRUCTURED], ids=["binary", "structured"])
@pytest.mark.parametrize("name", POISON)
def test_poison_is_isolated_and_its_neighbours_stay_as_they_were(name: str, headers: list[Header]) -> None:
    check(b"call-1", POISON[name], headers)

    assert check(b"call-1", orjson.dumps(DATA), HEADERS) == binary()


@given(st.binary(max_size=200), st.sampled_from([HEADERS, STRUCTURED]))
def test_any_bytes_are_decoded_or_rejected(value: bytes, headers: list[Header]) -> None:
    check(b"call-1", value, headers)


@given(st.sampled_from(KINDS), st.data())
def test_a_damaged_record_is_decoded_or_rejected(kind: str, data: st.DataObject) -> None:
    key, value, headers = encoded(kind)
    start = data.draw(st.integers(0, len(value)))
    end = data.draw(st.integers(start, min(len(value), start + 20)))

    check(key, value[:start] + data.draw(st.binary(max_size=20)) + value[end:], [*headers])


@given(st.sampled_from(KINDS), st.data())
def test_a_record_with_any_field_changed_is_decoded_or_rejected(kind: str, data: st.DataObject) -> None:
    key, value, headers = encoded(kind)
    fields = orjson.loads(value)
    name = data.draw(st.sampled_from(sorted(fields)) | st.text())

    check(key, orjson.dumps({**fields, name: data.draw(JSON_VALUES)}), [*headers])


@given(st.fixed_dictionaries({}, optional=dict.fromkeys([*ENVELOPE, "dataschema", "data_base64"], JSON_VALUES)))
@example({"data": {}})
def test_any_structured_envelope_is_decoded_or_rejected(changes: dict[str, Any]) -> None:
    check(b"call-1", orjson.dumps({**ENVELOPE, **changes}), STRUCTURED)


@given(st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=8), st.none() | st.binary(max_size=20))
def test_any_headers_and_key_are_decoded_or_rejected(headers: list[Header], key: bytes | None) -> None:
    check(key, orjson.dumps(DATA), [*HEADERS, *headers])


@pytest.mark.parametrize("name", [*DATA, "outcome", CANARY])
@pytest.mark.parametrize("value", [CANARY, [CANARY], {CANARY: CANARY}, f"{CANARY} - at `$.{CANARY}`"])
def test_no_detail_quotes_the_record(name: str, value: object) -> None:
    key, ended, ended_headers = encoded("ended")
    fields = {**orjson.loads(ended), name: value}
    hostile = [*ended_headers, ("ce_type", CANARY.encode())]
    results = [
        check(key, orjson.dumps(fields), [*ended_headers]),
        check(key, orjson.dumps(fields)[:-1] + CANARY.encode(), [*ended_headers]),
        check(key, orjson.dumps(fields), [*hostile]),
        check(CANARY.encode(), ended, [*ended_headers]),
    ]

    assert not [result.detail for result in results if isinstance(result, Reject) and CANARY in result.detail]
