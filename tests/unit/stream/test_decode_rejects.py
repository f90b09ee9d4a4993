from collections.abc import Callable
from functools import partial

import orjson
import pytest

from pipeline.core.events import EPOCH, RejectReason
from pipeline.core.record import Decoded, Reject
from tests.contract.records import MAX_AHEAD, MAX_BYTES, STAMP, encoded, replaced
from tests.unit.stream.cases import DATA, ENVELOPE, HEADERS, STRUCTURED, accepted, binary, decode, structured, without

Case = Callable[[], Decoded | Reject]

MALFORMED: dict[str, Case] = {
    "no value": partial(decode, None),
    "empty": partial(decode, b""),
    "truncated": partial(decode, orjson.dumps(DATA)[:-5]),
    "not JSON": partial(decode, b"hello"),
    "two documents": partial(decode, orjson.dumps(DATA) * 2),
    "NaN": partial(decode, orjson.dumps(DATA).replace(b'"retail"', b"NaN")),
    "invalid UTF-8 in a field": partial(decode, orjson.dumps(DATA).replace(b'"retail"', b'"\xff"')),
    "invalid UTF-8 in an unknown field": partial(
        decode, orjson.dumps(DATA).replace(b'"queue"', b'"new":"\xff","queue"')
    ),
    "invalid UTF-8 in a field's name": partial(decode, orjson.dumps(DATA).replace(b'"queue"', b'"\xff"')),
    "invalid UTF-8 in an id": partial(decode, orjson.dumps(DATA), replaced(HEADERS, ce_id=b"\xff")),
    "invalid UTF-8 in a source": partial(decode, orjson.dumps(DATA), replaced(HEADERS, ce_source=b"\xff")),
    "invalid UTF-8 in a type": partial(decode, orjson.dumps(DATA), replaced(HEADERS, ce_type=b"\xff")),
    "invalid UTF-8 in the key": partial(decode, orjson.dumps(DATA), key=b"\xff"),
    "half a surrogate pair": partial(decode, orjson.dumps(DATA).replace(b'"retail"', b'"\\ud800"')),
    "no id": partial(decode, orjson.dumps(DATA), replaced(HEADERS, ce_id=None)),
    "empty id": partial(decode, orjson.dumps(DATA), replaced(HEADERS, ce_id=b"")),
    "null id": partial(decode, orjson.dumps(DATA), [*replaced(HEADERS, ce_id=None), ("ce_id", None)]),
    "endless id": partial(decode, orjson.dumps(DATA), replaced(HEADERS, ce_id=b"x" * 513)),
    "no source": partial(decode, orjson.dumps(DATA), replaced(HEADERS, ce_source=None)),
    "no type": partial(decode, orjson.dumps(DATA), replaced(HEADERS, ce_type=None)),
    "no specversion": partial(decode, orjson.dumps(DATA), replaced(HEADERS, ce_specversion=None)),
    "other specversion": partial(decode, orjson.dumps(DATA), replaced(HEADERS, ce_specversion=b"0.3")),
    "no headers": partial(decode, orjson.dumps(DATA), []),
    "batched mode": partial(
        decode, orjson.dumps([ENVELOPE]), [("content-type", b"application/cloudevents-batch+json")]
    ),
    "structured array": partial(decode, b"[]", STRUCTURED),
    "structured garbage": partial(decode, b"{", STRUCTURED),
    "structured without id": partial(decode, without(ENVELOPE, "id"), STRUCTURED),
    "structured with a numeric id": partial(structured, id=1),
    "deep nesting": partial(decode, orjson.dumps(DATA).replace(b'"queue"', b'"new":' + b"[" * 50_000 + b',"queue"')),
    "number beyond all": partial(decode, orjson.dumps(DATA).replace(b'"retail"', b"1e999")),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_no_cloud_event_with_json_data_is_malformed(case: str) -> None:
    result = MALFORMED[case]()

    assert isinstance(result, Reject)
    assert result.reason is RejectReason.MALFORMED


SCHEMA: list[tuple[Case, str]] = [
    (partial(decode, without(DATA, "time")), "$.time: missing"),
    (partial(decode, without(DATA, "interaction")), "$.interaction: missing"),
    (partial(decode, b"[]"), "$: expected `object`, got `array`"),
    (partial(decode, b"null"), "$: expected `object`, got `null`"),
    (partial(binary, estimated_wait=-1), "$.estimated_wait: expected `float` >= 0.0"),
    (partial(binary, touch_point=5), "$.touch_point: expected `str`, got `int`"),
    (partial(binary, interaction=""), "$.interaction: expected `str` of length >= 1"),
    (partial(binary, queue="x" * 201), "$.queue: expected `str` of length <= 200"),
    (partial(binary, queue="x" * 90_000), "$.queue: expected `str` of length <= 200"),
    (partial(binary, attempt=2**63), "$.attempt: expected `int` <= 1000000000000"),
    (partial(binary, attempt=1.5), "$.attempt: expected `int | null`, got `float`"),
    (partial(binary, time="yesterday"), "$.time: not a value of this field"),
    (partial(binary, time="2025-03-04T09:00:00"), "$.time: expected `datetime` with a timezone component"),
    (partial(binary, time=1741078800.5), "$.time: expected `int | datetime`, got `float`"),
    (partial(binary, time=-1), "$.time: expected `int` >= 0"),
    (partial(binary, time=STAMP * 1000), "$.time: expected `int` <= 9000000000000"),
    (partial(binary, time="1969-12-31T23:59:59Z"), "$.time: outside the years 1970 to 2255"),
    (partial(binary, time="0001-01-01T00:00:00+23:59"), "$.time: outside the years 1970 to 2255"),
    (partial(binary, time="9999-12-31T23:59:59-23:59"), "$.time: outside the years 1970 to 2255"),
    (partial(structured, data={**DATA, "synthetic": "no"}), "$.data.synthetic: expected `bool`, got `str`"),
    (partial(decode, without(ENVELOPE, "data"), STRUCTURED), "$.data: expected `object`, got `null`"),
]


@pytest.mark.parametrize(("case", "detail"), SCHEMA)
def test_a_field_that_does_not_fit_is_named_by_its_path(case: Case, detail: str) -> None:
    assert case() == Reject(RejectReason.SCHEMA, detail)


def test_a_refused_value_is_never_quoted() -> None:
    key, value, headers = encoded("ended")
    value = orjson.dumps({**orjson.loads(value), "outcome": "secret - at `$.secret`"})

    assert decode(value, headers, key) == Reject(RejectReason.SCHEMA, "$.outcome: not a value of this field")


UNKNOWN_TYPES = (
    b"com.example.thing", b"touchpoint.call_center.queued.v2", b"touchpoint.call_center.queued",
    b"touchpoint.call_center.field_error.v1", b"touchpoint.call_center.dreamt.v1", b"touchpoint.unheard.queued.v1",
    b"touchpoint.kiosk.queued.v1", b"touchpoint.operation.v2",
    b"touchpoint.queued.v1",
)  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN_TYPES)
def test_a_type_outside_contract_and_catalog_is_unknown(name: bytes) -> None:
    data = orjson.dumps({**DATA, "field": "iban"})

    result = decode(data, replaced(HEADERS, ce_type=name))

    assert isinstance(result, Reject)
    assert result.reason is RejectReason.UNKNOWN_TYPE


@pytest.mark.parametrize(
    "name", ["call_center/retail", "nowhere", "branch/042/teller", "a\x00b", "*", "call_center/*/*"]
)
def test_a_touch_point_outside_the_catalog_or_of_another_channel_is_unknown(name: str) -> None:
    result = binary(touch_point=name)

    assert isinstance(result, Reject)
    assert result.reason is RejectReason.UNKNOWN_TOUCH_POINT


def test_time_may_lie_so_far_ahead_of_the_stamp_and_no_further() -> None:
    accepted(binary(time=STAMP + MAX_AHEAD))
    results = [
        binary(time=STAMP + MAX_AHEAD + 1),
        binary(time=f"{(EPOCH.replace(year=2106)).isoformat()}"),
        structured(data={**DATA, "time": STAMP + MAX_AHEAD + 1}),
    ]

    assert [result.reason for result in results if isinstance(result, Reject)] == [RejectReason.BAD_TIME] * 3


def test_a_value_above_the_limit_is_too_large_unread() -> None:
    fitting = orjson.dumps(DATA).ljust(MAX_BYTES)
    larger = fitting + b"\xff"

    accepted(decode(fitting))
    result = decode(larger)
    assert isinstance(result, Reject)
    assert result.reason is RejectReason.TOO_LARGE


@pytest.mark.parametrize(
    ("key", "interaction", "remedy"),
    [
        (None, "call-1", "set it to the interaction id"),
        (b"", "call-1", "set it to the interaction id"),
        (b"call-2", "call-1", "set it to the interaction id"),
        (b"elsewhere-1", "elsewhere-1", "`partitioner`"),
    ],
)
def test_a_misplaced_record_says_what_to_change_at_the_producer(
    key: bytes | None, interaction: str, remedy: str
) -> None:
    result = decode(orjson.dumps({**DATA, "interaction": interaction}), key=key)

    assert isinstance(result, Reject)
    assert result.reason is RejectReason.MISPLACED
    assert remedy in result.detail
